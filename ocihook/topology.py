# SPDX-License-Identifier: Apache-2.0
"""Which CPUs there are, and which of them share a core, a last-level cache, a NUMA node.

From sysfs (Documentation/admin-guide/cputopology.rst, ABI/testing/sysfs-devices-system-cpu and
-node). On the hook's path, for containers that wish own CPUs alone; one file a core is read.
"""

import posix as os

from ocihook import cpulist, procfs
from ocihook.errors import CpulistError, SchedulerUnavailable, SystemCallError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

SYSFS = "/sys/devices/system"
POSSIBLE = f"{SYSFS}/cpu/possible"


class Topology:
    """Cpumasks: ``online``, and its division into ``cores``, ``llcs`` and ``nodes``.

    Every online CPU is in one of each, and no CPU is in two of one kind.
    """

    __slots__ = ("cores", "llcs", "nodes", "online")

    def __init__(
        self, online: int, cores: tuple[int, ...], llcs: tuple[int, ...], nodes: tuple[int, ...]
    ) -> None:
        self.online = online
        self.cores = cores
        self.llcs = llcs
        self.nodes = nodes


def read(sysfs: str = SYSFS) -> Topology:
    """Return the machine's topology.

    Where the kernel does not say something, as in some virtual machines: a CPU without siblings
    is a core; without caches its package shares one; without nodes there is a single one.

    Raises:
        SystemCallError: not even the online CPUs can be read.
        SchedulerUnavailable: there are more than the ABI can name.
    """
    online = _demanded(f"{sysfs}/cpu/online")
    return Topology(
        online,
        _divide(online, lambda cpu: _mask(f"{sysfs}/cpu/cpu{cpu}/topology/core_cpus_list")),
        _divide(online, lambda cpu: _llc(f"{sysfs}/cpu/cpu{cpu}")),
        _nodes(f"{sysfs}/node", online),
    )


def possible_cpus(path: str = POSSIBLE) -> int:
    """Return the mask of the CPUs that there may ever be: per-CPU maps have one part for each.

    Raises:
        SystemCallError: the file cannot be read.
        SchedulerUnavailable: there are more than the ABI can name.
    """
    return _demanded(path)


def _divide(online: int, group_of: "Callable[[int], int]") -> tuple[int, ...]:
    """Ask for the group of the lowest CPU that is in none yet, until each is in one."""
    groups = []
    left = online
    while left:
        lowest = left & -left
        group = (group_of(lowest.bit_length() - 1) | lowest) & left
        groups.append(group)
        left &= ~group
    return tuple(groups)


def _llc(cpu: str) -> int:
    try:
        indexes = [name for name in os.listdir(f"{cpu}/cache") if name.startswith("index")]
    except OSError:
        indexes = []
    if indexes:
        last = max(indexes, key=lambda name: (len(name), name))
        return _mask(f"{cpu}/cache/{last}/shared_cpu_list")
    return _mask(f"{cpu}/topology/package_cpus_list")


def _nodes(directory: str, online: int) -> tuple[int, ...]:
    try:
        names = os.listdir(directory)
    except OSError:
        return (online,)  # a kernel without CONFIG_NUMA
    masks = [
        _mask(f"{directory}/{name}/cpulist")
        for name in names
        if name.startswith("node") and name[4:].isdecimal()
    ]
    groups = _divide(online, lambda cpu: next((mask for mask in masks if mask >> cpu & 1), online))
    return groups


def _demanded(path: str) -> int:
    """Return the cpumask of a file that every kernel has; or say which of two things is wrong."""
    try:
        text = procfs.read(path).strip(procfs.BLANKS)
    except OSError as error:
        raise SystemCallError(path, error.errno or 0, "mount sysfs at /sys") from None
    try:
        return cpulist.parse(text)
    except CpulistError:
        last = text.replace("-", ",").rpartition(",")[2]
        raise SchedulerUnavailable(
            f"{path} goes to CPU {last}, and ocihook to CPU {cpulist.MAX_CPUS - 1}",
            f"boot with nr_cpus={cpulist.MAX_CPUS}, which leaves the other CPUs unused",
        ) from None


def _mask(path: str) -> int:
    """Return the cpumask of a file; 0 where it is missing or beyond what the ABI can name."""
    try:
        return cpulist.parse(procfs.read(path).strip(procfs.BLANKS))
    except (OSError, CpulistError):
        return 0
