# SPDX-License-Identifier: Apache-2.0
"""Where cgroups are, and which of them are idle: what cgroupfs alone knows of a node."""

import os
from collections.abc import Iterable

from ocihook import procfs
from ocihook.paths import CGROUPFS
from ocihook.sched.cells import cgroup_of
from ocihook.sched.node_usage import NodeUsage


class CgroupPaths:
    """Finds the paths of cgroups by their ids; each is looked for once.

    An id names one cgroup until the machine ends, and a cgroup of v2 cannot be renamed.
    """

    def __init__(self, cgroupfs: str = CGROUPFS) -> None:
        """Remember where cgroups are mounted."""
        self._cgroupfs = cgroupfs
        self._known: dict[int, str | None] = {}

    def of(self, nodes: Iterable[NodeUsage]) -> dict[int, str]:
        """Return the path of each node's cgroup by its id; those that are gone are left out."""
        mount_fd = os.open(self._cgroupfs, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self._known = {
                each.cgid: self._known[each.cgid]
                if each.cgid in self._known
                else cgroup_of(mount_fd, each.cgid)
                for each in nodes
                if each.cgid
            }
        finally:
            os.close(mount_fd)
        return {cgid: path for cgid, path in self._known.items() if path is not None}

    def idle(self, nodes: Iterable[NodeUsage]) -> set[int]:
        """Return the ids of cgroups whose cpu.idle is set, of the nodes asked for last."""
        return {
            each.cgid
            for each in nodes
            # The kernel's weight of an idle group is the least there is.
            if each.weight == 1 and self._is_idle(self._known.get(each.cgid))
        }

    def _is_idle(self, path: str | None) -> bool:
        if path is None:
            return False
        try:
            return procfs.read(f"{self._cgroupfs}{path}/cpu.idle").strip(procfs.BLANKS) == "1"
        except OSError:
            return False  # the root has no such file, nor has a cgroup that ends meanwhile
