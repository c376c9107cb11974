# SPDX-License-Identifier: Apache-2.0
"""The CPUs that tasks of a cgroup may use now, and those that are left to the host.

``cpuset.cpus.effective`` says so: it is less than ``cpuset.cpus`` where a slice or pod above is
narrower, and where a partition elsewhere has taken CPUs for itself (cgroup-v2.rst, Cpuset). A
cgroup without the controller has those of the nearest one above that has it. On the hook's path,
for containers that wish own CPUs alone.
"""

from ocihook import cpulist
from ocihook.errors import CpulistError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Read = Callable[[str], str | None]

EFFECTIVE = "cpuset.cpus.effective"


class Cpuset:
    """Cpumasks, or None where no file says one: ``effective``, and ``of_root`` for the host's."""

    __slots__ = ("effective", "of_root")

    def __init__(self, effective: int | None = None, of_root: int | None = None) -> None:
        self.effective = effective
        self.of_root = of_root

    def narrows(self) -> bool:
        """Tell whether the cgroup may use fewer CPUs than the root, or others."""
        return self.effective is not None and self.effective != self.of_root


ANY = Cpuset()
"""No file says anything."""


def read(read_file: "Read", path: str) -> Cpuset:
    """Return the CPUs of the cgroup `path`, which begins at the mount of cgroup2.

    `read_file` returns the text of one of its files, or None where it is not there.
    """
    depth = path.strip("/").count("/") + 1 if path.strip("/") else 0
    of_root = _mask(read_file("../" * depth + EFFECTIVE))
    for up in range(depth):
        text = read_file("../" * up + EFFECTIVE)
        if text is not None:
            return Cpuset(_mask(text), of_root)
    return Cpuset(of_root, of_root)


def _mask(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return cpulist.parse(text)
    except CpulistError:
        return None  # more CPUs than the ABI can name
