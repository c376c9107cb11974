# SPDX-License-Identifier: Apache-2.0
"""What each cell is promised of the CPUs while those that are busy stay so. Pure."""

from collections.abc import Hashable, Mapping
from typing import NamedTuple, TypeVar

Claimant = TypeVar("Claimant", bound=Hashable)


class Claim(NamedTuple):
    """What a cell has a claim by.

    ``own_cpus`` is how many CPUs are its own, ``limit_cpus`` its quota in CPUs, None for no limit;
    ``busy``: it has tasks that want to run.
    """

    weight: int
    own_cpus: int
    limit_cpus: float | None
    busy: bool


def promises(claims: Mapping[Claimant, Claim], cpus: int) -> dict[Claimant, float]:
    """Return for each cell, or whatever has a claim, how many CPUs are its due, at least.

    Own CPUs are a cell's due alone. Those that are nobody's are shared by weight among the busy
    cells without own ones; what a quota keeps a cell from taking goes to the others. An idle cell
    gets what it would be due if it became busy. ``cpus`` is how many are online. That borrowing may
    add to it, and a cpuset take from it, does not count.
    """
    free = max(cpus - sum(claim.own_cpus for claim in claims.values()), 0)
    sharing = [claim for claim in claims.values() if not claim.own_cpus and claim.busy]
    level = _level(sharing, free)
    weights = sum(claim.weight for claim in sharing)
    found = {}
    for cell, claim in claims.items():
        if claim.own_cpus:
            due = float(claim.own_cpus)
        elif claim.busy:
            due = claim.weight * level
        else:
            due = free * claim.weight / (weights + claim.weight)
        found[cell] = due if claim.limit_cpus is None else min(due, claim.limit_cpus)
    return found


def _level(sharing: list[Claim], free: float) -> float:
    """Return how much of a CPU one unit of weight is due, once those with a quota have theirs."""
    weights = sum(claim.weight for claim in sharing)
    limited = sorted(
        (claim.limit_cpus / claim.weight, claim.weight)
        for claim in sharing
        if claim.limit_cpus is not None
    )
    for limit, weight in limited:
        if limit * weights >= free:
            break
        free -= limit * weight
        weights -= weight
    return free / weights if weights else 0.0
