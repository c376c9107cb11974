# SPDX-License-Identifier: Apache-2.0
"""Which CPUs and NUMA nodes this machine has, for documents that name some."""

from pathlib import Path
from typing import NamedTuple

from ocihook import cpulist
from ocihook.errors import CpulistError

SYSFS = Path("/sys/devices/system")

_ALL = (1 << cpulist.MAX_CPUS) - 1


class Machine(NamedTuple):
    """Masks of the CPUs that are online, of the NUMA nodes, and of the CPUs that may ever be there.

    Every bit if no file says.
    """

    online: int
    nodes: int
    possible: int = _ALL


def read(sysfs: Path = SYSFS) -> Machine:
    """Return what the kernel says (Documentation/ABI, sysfs-devices-system-cpu and -node)."""
    cpus = sysfs / "cpu"
    return Machine(
        _mask(cpus / "online"), _mask(sysfs / "node" / "online"), _mask(cpus / "possible")
    )


def _mask(path: Path) -> int:
    try:
        return cpulist.parse(path.read_text(encoding="ascii").strip()) or _ALL
    except (OSError, CpulistError):
        return _ALL  # a kernel without NUMA, or more CPUs than the ABI can name
