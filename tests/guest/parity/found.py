# SPDX-License-Identifier: Apache-2.0
"""Trees of cgroups that other programs have made: their claims are what their files say."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from bundle import burn
from parity.judge import CPUS, OWN_WEIGHT, Judge, Leaf
from waiting import until

from ocihook.paths import CGROUPFS
from ocihook.sched.promise import Claim


class Found(Judge):
    """Cgroups with busy tasks, as they are now; what else stands beside them is idle."""

    def __init__(self, leaves: Iterable[Path]) -> None:
        """Read the files of the leaves and of all cgroups above them."""
        super().__init__()
        for leaf in leaves:
            self.parties[_path(leaf)] = Leaf(leaf)
            self._claim(leaf, OWN_WEIGHT * _tasks(leaf))
            for above in leaf.parents[: len(leaf.relative_to(CGROUPFS).parents) - 1]:
                self._claim(above, 0)

    def _claim(self, cgroup: Path, own_weight: int) -> None:
        quota, period = (cgroup / "cpu.max").read_text().split()
        limit = None if quota == "max" else int(quota) / int(period)
        weight = int((cgroup / "cpu.weight").read_text())
        self.claims[_path(cgroup)] = Claim(_path(cgroup.parent), weight, own_weight, limit)


def _path(cgroup: Path) -> str:
    return os.fspath(cgroup).removeprefix(CGROUPFS)


def _tasks(cgroup: Path) -> int:
    return len((cgroup / "cgroup.procs").read_text().split())


class Start:
    """A named pipe that busy tasks, of any process, read from before they begin."""

    def __init__(self, directory: Path) -> None:
        """Make it."""
        self.path = directory / "start"
        os.mkfifo(self.path)
        self._pipe = os.open(self.path, os.O_RDWR)
        self._waiting = 0

    def command(self, path: str = "") -> str:
        """Return a shell's command that has a busy task for each CPU; ``path`` is the pipe's."""
        self._waiting += 1
        return f"read _ <>{path or self.path}; {burn(CPUS)[2]}"

    def begin(self, leaves: Sequence[Path]) -> None:
        """Let the tasks begin, once each cgroup is there; wait until each has all of them."""
        until(lambda: all(leaf.exists() for leaf in leaves), "the cgroups")
        os.write(self._pipe, b"\n" * self._waiting)
        until(lambda: {_tasks(leaf) for leaf in leaves} == {CPUS}, f"{CPUS} tasks in each")

    def close(self) -> None:
        """Close this end; the tasks have theirs."""
        os.close(self._pipe)
