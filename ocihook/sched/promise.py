# SPDX-License-Identifier: Apache-2.0
"""What each cgroup is promised of the CPUs while those that are busy stay so. Pure.

Water filling over the tree, as cgroup v2 documents weights and limits: the busy children of a
cgroup, and tasks of its own, share what it has by weight; what a limit keeps one from taking goes
to its siblings.
"""

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from typing import Generic, NamedTuple, TypeVar

Claimant = TypeVar("Claimant", bound=Hashable)


class Claim(NamedTuple):
    """What a node of the tree has a claim by.

    ``parent`` is None for the root. ``own_weight`` is that of tasks of its own that want to run,
    100 for each at nice 0; 0 if there are none. ``limit_cpus`` is its quota in CPUs, None for no
    limit; ``own_cpus`` how many CPUs are its own.
    """

    parent: Hashable | None
    weight: int = 100
    own_weight: int = 0
    limit_cpus: float | None = None
    own_cpus: int = 0


class Due(NamedTuple):
    """How many CPUs are a node's due, at least: for its own tasks, and with all below it."""

    own: float
    whole: float


def promises(claims: Mapping[Claimant, Claim], cpus: float) -> dict[Claimant, Due]:
    """Return what each node is due. ``cpus`` is how many are online.

    Own CPUs are a node's due alone, and are not shared by others. An idle node gets what it would
    be due if it became busy. That borrowing may add to it, and a cpuset take from it, does not
    count. A parent that is not among the claims counts as the root.
    """
    return _Tree(claims).fill(cpus)


class _Tree(Generic[Claimant]):
    def __init__(self, claims: Mapping[Claimant, Claim]) -> None:
        self._claims = claims
        self._below: dict[Hashable | None, list[Claimant]] = defaultdict(list)
        for node, claim in claims.items():
            self._below[claim.parent if claim.parent in claims else None].append(node)
        self._most: dict[Hashable, float] = {}
        """Of each busy node: how many CPUs it could use by its limit and those below."""
        self._found: dict[Claimant, Due] = {}

    def fill(self, cpus: float) -> dict[Claimant, Due]:
        owners = [node for node, claim in self._claims.items() if claim.own_cpus]
        free = max(cpus - sum(self._claims[node].own_cpus for node in owners), 0)
        roots = self._below[None]
        for root in roots:
            self._measure(root)
        self._share(roots, free, 0)
        for node in owners:
            self._spread(node, float(self._claims[node].own_cpus))
        # Parents in a circle, read while the table changed: below no root.
        return {node: self._found.get(node, Due(0.0, 0.0)) for node in self._claims}

    def _measure(self, node: Claimant) -> float:
        """Note how much the node could use; return 0 for one that is idle."""
        claim = self._claims[node]
        below = [self._measure(child) for child in self._below[node]]
        could = math.inf if claim.own_weight else sum(below)
        if claim.limit_cpus is not None:
            could = min(could, claim.limit_cpus)
        if could:
            self._most[node] = could
        return 0.0 if claim.own_cpus else could

    def _share(self, nodes: Iterable[Claimant], cpus: float, own_weight: int) -> float:
        """Give out CPUs among siblings, and tasks beside them; return what those tasks get."""
        sharing = [node for node in nodes if not self._claims[node].own_cpus]
        busy = [node for node in sharing if node in self._most]
        weights = own_weight + sum(self._claims[node].weight for node in busy)
        level = _level(
            [(self._most[node], self._claims[node].weight) for node in busy], cpus, own_weight
        )
        for node in busy:
            due = min(self._claims[node].weight * level, self._most[node])
            self._spread(node, due)
        for node in sharing:
            if node not in self._most:
                weight = self._claims[node].weight
                self._spread(node, cpus * weight / (weights + weight))
        return own_weight * level if own_weight else 0.0

    def _spread(self, node: Claimant, cpus: float) -> None:
        claim = self._claims[node]
        if claim.limit_cpus is not None:
            cpus = min(cpus, claim.limit_cpus)
        own = self._share(self._below[node], cpus, claim.own_weight)
        self._found[node] = Due(own if node in self._most else cpus, cpus)


def _level(sharing: list[tuple[float, int]], cpus: float, own_weight: int) -> float:
    """Return how much of a CPU one unit of weight is due; without end where all get their most.

    ``sharing`` has of each sibling how much it could use, and its weight.
    """
    weights = own_weight + sum(weight for _, weight in sharing)
    for most, weight in sorted(sharing, key=lambda each: each[0] / each[1]):
        if most / weight * weights >= cpus:
            break
        cpus -= most
        weights -= weight
    return cpus / weights if weights else math.inf
