# SPDX-License-Identifier: Apache-2.0
"""Which CPUs and NUMA nodes this machine has, for documents that name some."""

from pathlib import Path
from typing import NamedTuple

from ocihook import cpulist
from ocihook.errors import CpulistError

SYSFS = Path("/sys/devices/system")

_ALL = (1 << cpulist.MAX_CPUS) - 1


class Machine(NamedTuple):
    """Masks of the CPUs that are online, and of the NUMA nodes; every bit where nobody says."""

    online: int
    nodes: int


def read(sysfs: Path = SYSFS) -> Machine:
    """Return what the kernel says (Documentation/ABI, sysfs-devices-system-cpu and -node)."""
    return Machine(_mask(sysfs / "cpu" / "online"), _mask(sysfs / "node" / "online"))


def _mask(path: Path) -> int:
    try:
        return cpulist.parse(path.read_text(encoding="ascii").strip()) or _ALL
    except (OSError, CpulistError):
        return _ALL  # a kernel without NUMA, or more CPUs than the ABI can name
