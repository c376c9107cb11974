# SPDX-License-Identifier: Apache-2.0
"""Trees of cgroups with busy tasks, and the judge: what each leaf is due by water filling.

The kernel's own scheduler has errors of its own, of some percent and more where limits meet; so
what a leaf is due is computed, by the same code that ``ocihook top`` shows it by.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from cells import SPIN, Gate
from converge import Use, cgroup_use, converge
from waiting import until

from ocihook.paths import CGROUPFS
from ocihook.sched.promise import Claim, promises

CPUS = os.cpu_count() or 1
ROOT = Path(CGROUPFS)
TOLERANCE = 0.03
"""Of the machine; each leaf has to be so near to what it is due."""
OWN_WEIGHT = 100
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


class Leaf:
    """A group that has been made, as a party."""

    def __init__(self, cgroup: Path) -> None:
        """Remember where it is."""
        self.cgroup = cgroup

    def use(self) -> Use:
        """Return its CPU time and its slices."""
        return cgroup_use(self.cgroup)


class Tree:
    """Groups that have been made, below the root or another cgroup."""

    def __init__(self, groups: Sequence[Group], gate: Gate, parent: Path = ROOT) -> None:
        """Make the cgroups and start their tasks, which wait at the gate."""
        self.parties: dict[str, Leaf] = {}
        self._gate = gate
        self._made: list[Path] = []
        self._claims: dict[str, Claim] = {"": Claim(None)}
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
        self._claims[path] = Claim(above, weight, own, group.limit_cpus)
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

    def due(self, cpus: float = CPUS) -> dict[str, float]:
        """Return how many CPUs of so many each group with tasks is due."""
        found = promises(self._claims, cpus)
        return {path: found[path].own for path in self.parties}

    def demand(self, *, cpu_s: float = 1.0, slices: int = 50) -> dict[str, float]:
        """Demand that each leaf gets what it is due; return how far each is from it."""
        return demand_due(self.parties, self.due, cpu_s=cpu_s, slices=slices)

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


def demand_due(
    parties: dict[str, Leaf],
    due_of: Callable[[float], dict[str, float]],
    *,
    cpu_s: float,
    slices: int,
) -> dict[str, float]:
    """Demand of each party what it is due of the CPU time that there was; return how far it is off.

    An emulated CPU is not always there, so what they all got together is the machine; a limit is of
    the time that passes, and so is a greater part of a smaller machine.
    """
    names = list(parties)
    found: dict[str, float] = {}

    def bound(used: list[float]) -> bool:
        due = due_of(sum(used))
        for name, cpus in zip(names, used, strict=True):
            found[name] = (cpus - due[name]) / CPUS
        return max(map(abs, found.values())) <= TOLERANCE

    # A second of a leaf that is due a hundredth of a CPU would take minutes.
    whole = due_of(CPUS)
    judged = [parties[name] for name in names if whole[name] > 0.5 * CPUS / len(names)]
    converge(list(parties.values()), bound, judged=judged, cpu_s=cpu_s, slices=slices)
    return found


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
