# SPDX-License-Identifier: Apache-2.0
"""The judge of a tree of cgroups: what each leaf is due by water filling, and what it has got.

The kernel's own scheduler has errors of its own, of some percent and more where limits meet; so
what a leaf is due is computed, by the same code that ``ocihook top`` shows it by.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from converge import STEP_S, Use, cgroup_use, converge
from waiting import until

from ocihook.sched.promise import Claim, promises

CPUS = os.cpu_count() or 1
TOLERANCE = 0.03
"""Of the machine; each leaf has to be so near to what it is due."""
LIMIT_TOLERANCE = 0.05
"""Of the limit; a group that is held by its limit has to be so near to it."""
OWN_WEIGHT = 100


class Leaf:
    """A cgroup with busy tasks, as a party."""

    def __init__(self, cgroup: Path) -> None:
        """Remember where it is."""
        self.cgroup = cgroup

    def use(self) -> Use:
        """Return its CPU time and its slices."""
        return cgroup_use(self.cgroup)


class Judge:
    """Leaves by their paths, and the claims of all groups above them."""

    def __init__(self) -> None:
        """Begin with the root alone."""
        self.parties: dict[str, Leaf] = {}
        self.claims: dict[str, Claim] = {"": Claim(None)}

    def due(self, cpus: float = CPUS) -> dict[str, float]:
        """Return how many CPUs of so many each leaf is due."""
        found = promises(self.claims, cpus)
        return {path: found[path].own for path in self.parties}

    def held(self, cpus: float = CPUS) -> dict[str, float]:
        """Return the limits that hold groups back, in CPUs, where there are so many."""
        found = promises(self.claims, cpus)
        return {
            path: claim.limit_cpus
            for path, claim in self.claims.items()
            if claim.limit_cpus and math.isclose(found[path].whole, claim.limit_cpus)
        }

    def forget(self, group: str) -> None:
        """Leave out a group and all below it: its tasks are stopped, and claim nothing."""
        for found in (self.claims, self.parties):
            for path in [path for path in found if f"{path}/".startswith(f"{group}/")]:
                del found[path]

    def errors(self, cpu_s: float) -> dict[str, float]:
        """Return how far each leaf is from what it is due, in so much CPU time of all together.

        A part of the machine. It demands nothing.
        """
        parties = list(self.parties.values())

        def uses() -> list[Use]:
            return [party.use() for party in parties]

        def ran() -> bool:
            runs = [now.run_ns - then.run_ns for now, then in zip(uses(), began, strict=True)]
            return sum(runs) >= cpu_s * 1e9

        began = uses()
        until(ran, f"{cpu_s:g} s of CPU time", step_s=STEP_S)
        used = [
            (now.run_ns - then.run_ns) / (now.at_ns - then.at_ns)
            for now, then in zip(uses(), began, strict=True)
        ]
        due = self.due(sum(used))
        return {
            path: (cpus - due[path]) / CPUS for path, cpus in zip(self.parties, used, strict=True)
        }

    def demand(self, *, cpu_s: float = 1.0, slices: int = 50) -> dict[str, float]:
        """Demand that each leaf gets what it is due; return how far each is from it."""
        return demand_due(self.parties, self.due, cpu_s=cpu_s, slices=slices)

    def demand_limits(self, *, cpu_s: float = 1.0, slices: int = 50) -> dict[str, float]:
        """Demand that as well, and that each group that its limit holds back is near to it."""
        return demand_due(
            self.parties, self.due, cpu_s=cpu_s, slices=slices, also=self._near_limits
        )

    def _near_limits(self, used: Mapping[str, float]) -> bool:
        def whole(group: str) -> float:
            return sum(cpus for path, cpus in used.items() if f"{path}/".startswith(f"{group}/"))

        return all(
            abs(whole(group) - limit) <= LIMIT_TOLERANCE * limit
            for group, limit in self.held(sum(used.values())).items()
        )


def demand_due(
    parties: Mapping[str, Leaf],
    due_of: Callable[[float], dict[str, float]],
    *,
    cpu_s: float,
    slices: int,
    also: Callable[[Mapping[str, float]], bool] | None = None,
) -> dict[str, float]:
    """Demand of each party what it is due of the CPU time that there was; return how far it is off.

    An emulated CPU is not always there, so what they all got together is the machine; a limit is of
    the time that passes, and so is a greater part of a smaller machine. ``also`` is told what each
    of them used, and has to hold, too.
    """
    names = list(parties)
    found: dict[str, float] = {}

    def bound(used: list[float]) -> bool:
        due = due_of(sum(used))
        for name, cpus in zip(names, used, strict=True):
            found[name] = (cpus - due[name]) / CPUS
        near = max(map(abs, found.values())) <= TOLERANCE
        return near and (also is None or also(dict(zip(names, used, strict=True))))

    # A second of a leaf that is due a hundredth of a CPU would take minutes.
    whole = due_of(CPUS)
    judged = [parties[name] for name in names if whole[name] > 0.5 * CPUS / len(names)]
    converge(list(parties.values()), bound, judged=judged, cpu_s=cpu_s, slices=slices)
    return found
