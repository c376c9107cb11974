# SPDX-License-Identifier: Apache-2.0
"""Trees of cgroups with busy tasks, made as a test describes them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from cells import SPIN, Gate
from parity.judge import CPUS, OWN_WEIGHT, Judge, Leaf
from waiting import until

from ocihook.paths import CGROUPFS
from ocihook.sched.promise import Claim

ROOT = Path(CGROUPFS)
PERIOD_US = 100_000


class Group(NamedTuple):
    """A cgroup: what its files say, how many busy tasks it has, what lies below it."""

    name: str
    weight: int = 100
    limit_cpus: float | None = None
    idle: bool = False
    tasks: int = 0
    cpus: str = ""
    """A list that each of its tasks is bound to."""
    nice: int = 0
    below: tuple[Group, ...] = ()


class Tree(Judge):
    """Groups that have been made, below the root or another cgroup."""

    def __init__(self, groups: Sequence[Group], gate: Gate, parent: Path = ROOT) -> None:
        """Make the cgroups and start their tasks, which wait at the gate."""
        super().__init__()
        self._gate = gate
        self._made: list[Path] = []
        for group in groups:
            self._make(group, parent, "")

    def _make(self, group: Group, parent: Path, above: str) -> None:
        path = f"{above}/{group.name}"
        cgroup = parent / group.name
        if not cgroup.exists():
            (parent / "cgroup.subtree_control").write_text("+cpu +cpuset")
            cgroup.mkdir()
            self._made.append(cgroup)
        if group.idle:
            (cgroup / "cpu.idle").write_text("1")
        else:
            (cgroup / "cpu.weight").write_text(str(group.weight))
        if group.limit_cpus is not None:
            (cgroup / "cpu.max").write_text(f"{round(group.limit_cpus * PERIOD_US)} {PERIOD_US}")
        weight = 1 if group.idle else group.weight
        own = OWN_WEIGHT * group.tasks
        self.claims[path] = Claim(above, weight, own, group.limit_cpus)
        if group.tasks:
            self.parties[path] = Leaf(cgroup)
            self._burn(group, cgroup)
        for child in group.below:
            self._make(child, cgroup, path)

    def _burn(self, group: Group, cgroup: Path) -> None:
        before = (["taskset", "--cpu-list", group.cpus] if group.cpus else []) + (
            ["nice", f"-n{group.nice}"] if group.nice else []
        )
        enter = 'echo 0 >"$0" && exec "$@"'
        words = ["/bin/sh", "-c", enter, f"{cgroup}/cgroup.procs", *before]
        for _ in range(group.tasks):
            self._gate.popen([*words, "/bin/sh", "-c", f"read _; {SPIN}"])
        procs = cgroup / "cgroup.procs"
        until(lambda: len(procs.read_text().split()) == group.tasks, f"the tasks of {group.name}")

    def remove(self) -> None:
        """End the tasks and remove the cgroups."""
        for cgroup in self._made:
            (cgroup / "cgroup.kill").write_text("1")
        for cgroup in reversed(self._made):
            wait_until_empty(cgroup)
            cgroup.rmdir()


def wait_until_empty(cgroup: Path) -> None:
    """Return when no task is left in the cgroup."""
    events = cgroup / "cgroup.events"
    until(lambda: "populated 0" in events.read_text(), f"{cgroup} is empty")


@contextmanager
def grown(*groups: Group, parent: Path = ROOT) -> Iterator[Tree]:
    """Make a tree whose tasks begin at once, and remove it at the end."""
    gate = Gate()
    tree = Tree(groups, gate, parent)
    try:
        gate.open()
        yield tree
    finally:
        tree.remove()
        gate.close()


def random_groups(seed: int, *, leaves: int = 8, depth: int = 4) -> list[Group]:
    """Return groups of a tree by chance: weights from 1 to 10000, limits, idle groups.

    Each leaf has tasks for every CPU, so that it can use all that it is due.
    """
    chance = random.Random(seed)
    left = leaves

    def weight() -> int:
        return round(10 ** chance.uniform(1, 3))

    def group(name: str, level: int) -> Group:
        nonlocal left
        limit = round(chance.uniform(0.1, 0.9) * CPUS, 2) if chance.random() < 0.2 else None
        if level == depth or chance.random() < 0.4:
            left -= 1
            return Group(name, weight(), limit, tasks=CPUS)
        below: list[Group] = []
        while not below or (len(below) < 4 and left > 0 and chance.random() < 0.7):
            below.append(group(f"{name}{len(below)}", level + 1))
        return Group(name, weight(), limit, below=tuple(below))

    found: list[Group] = []
    while left > 0 and len(found) < 5:
        found.append(group(f"g{len(found)}", 1))
    return found
