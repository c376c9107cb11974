# SPDX-License-Identifier: Apache-2.0
"""The tree of cgroups in a reading of the scheduler's tables, and what cells in it are due. Pure.

A cell's due is the sum over the nodes that lie in it; the host's is that of all nodes in no cell.
"""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import NamedTuple

from ocihook.abi import (
    CELL_CLAIMING,
    CELL_DRAINING,
    CELL_FREE,
    CELL_LIVE,
    OCIHOOK_WEIGHT_DEFAULT,
)
from ocihook.sched.promise import Claim, promises

HOST_CELL = 0

COLUMNS = ("state", "weight", "parent", "box", "nr_runnable", "quota_ns")
"""What is asked of each slot."""

_NO_NODES = (CELL_FREE, CELL_CLAIMING)


class _Idle(NamedTuple):
    """All nodes below one parent that have one weight, do nothing, and have no limit."""

    parent: int
    weight: int


class Dues(NamedTuple):
    """How many CPUs each cell is due; those of idle ones by parent and weight."""

    busy: Mapping[int, float]
    idle: Mapping[tuple[int, int], float]


class NodeDue(NamedTuple):
    """How many CPUs a node is due: for tasks of its own, and with all below it.

    ``busy`` says whether it has tasks of its own that want to run. While nothing at and below it
    is busy, ``whole`` is what it would be due if it became busy.
    """

    busy: bool
    own: float
    whole: float


def dues(
    now: Mapping[str, Sequence[int]],
    ran: Container[int],
    shown: Iterable[int],
    *,
    limit_cpus: Callable[[int], float | None],
    own_cpus: Callable[[int], int],
    online: int,
) -> Dues:
    """Return what the cells are due.

    ``now`` has the ``COLUMNS`` of each slot; ``ran`` says of a slot whether tasks of it ran.
    ``shown`` are the slots of cells that are not idle; all others count as idle where they neither
    ran nor have runnable tasks.
    """
    claimed = _Claimed(now, ran, shown, limit_cpus, own_cpus)
    idle = claimed.idle | {_Idle(HOST_CELL, OCIHOOK_WEIGHT_DEFAULT)}
    claims = claimed.claims | {each: Claim(each.parent, each.weight) for each in idle}
    found = promises(claims, online)
    boxes = claimed.boxes
    # What an idle cgroup would get is no part of what its cell is due.
    due = {
        slot: found[slot].own
        for slot, claim in claimed.claims.items()
        if isinstance(slot, int) and (boxes[slot] == slot or claim.own_weight)
    }
    busy = _of_cells(due, boxes)
    if not busy.get(HOST_CELL):
        busy[HOST_CELL] = found[_Idle(HOST_CELL, OCIHOOK_WEIGHT_DEFAULT)].whole
    return Dues(busy, {(each.parent, each.weight): found[each].whole for each in idle})


def node_dues(
    now: Mapping[str, Sequence[int]],
    ran: Container[int],
    shown: Iterable[int],
    *,
    limit_cpus: Callable[[int], float | None],
    own_cpus: Callable[[int], int],
    online: int,
) -> dict[int, NodeDue]:
    """Return what each node is due, cells and others; the busy ones as ``dues`` has them."""
    claimed = _Claimed(now, ran, shown, limit_cpus, own_cpus)
    claims = claimed.claims
    for slot, state in enumerate(now["state"]):
        if slot not in claims and state not in _NO_NODES:
            # Idle: it changes nothing for the busy.
            parent, weight = now["parent"][slot], max(now["weight"][slot], 1)
            claims[slot] = Claim(parent, weight, 0, limit_cpus(slot), own_cpus(slot))
    found = promises(claims, online)
    return {
        slot: NodeDue(
            claim.own_weight > 0, found[slot].own if claim.own_weight else 0.0, found[slot].whole
        )
        for slot, claim in claims.items()
        if isinstance(slot, int)
    }


class _Claimed:
    """The claims of all slots that are busy, of those shown, and of those above them."""

    def __init__(
        self,
        now: Mapping[str, Sequence[int]],
        ran: Container[int],
        shown: Iterable[int],
        limit_cpus: Callable[[int], float | None],
        own_cpus: Callable[[int], int],
    ) -> None:
        states, runnable = now["state"], now["nr_runnable"]
        self.claims: dict[int | _Idle, Claim] = {}
        rows = set(shown)
        wanted = rows | {HOST_CELL}
        for slot, state in enumerate(states):
            if state in _NO_NODES:
                continue
            if runnable[slot] > 0 or (state != CELL_LIVE and slot in ran):
                wanted.add(slot)
        for slot in tuple(wanted):
            wanted.update(_above(now["parent"], slot))
        boxes = self.boxes = boxes_of(states, now["box"])
        nested = {boxes[slot] for slot in wanted if boxes[slot] != slot}
        # One that is idle itself may have a busy one in it.
        self.idle = {
            _Idle(now["parent"][slot], max(now["weight"][slot], 1))
            for slot, state in enumerate(states)
            if state in (CELL_LIVE, CELL_DRAINING) and slot not in rows
        }
        # And its parents may be idle as well: they bound what it would get.
        for parent in {each.parent for each in self.idle if each.parent < len(states)}:
            wanted.add(parent)
            wanted.update(_above(now["parent"], parent))
        for slot in wanted:
            tasks = max(runnable[slot], 0)
            if not tasks and slot in ran and slot not in nested:
                tasks = 1  # between two turns, just now
            self.claims[slot] = Claim(
                now["parent"][slot] if slot != HOST_CELL else None,
                max(now["weight"][slot], 1),
                tasks * OCIHOOK_WEIGHT_DEFAULT,
                limit_cpus(slot),
                own_cpus(slot),
            )


def boxes_of(states: Sequence[int], boxes: Sequence[int]) -> list[int]:
    """Return the cell that each slot is, or lies in."""
    return [
        slot if state in (CELL_LIVE, CELL_DRAINING) else box
        for slot, (state, box) in enumerate(zip(states, boxes, strict=True))
    ]


def _above(parents: Sequence[int], slot: int) -> Iterable[int]:
    seen = {slot}
    while slot != HOST_CELL:
        slot = parents[slot] if parents[slot] < len(parents) else HOST_CELL
        if slot in seen:
            return
        seen.add(slot)
        yield slot


def _of_cells(due: Mapping[int, float], boxes: Sequence[int]) -> dict[int, float]:
    summed: dict[int, float] = {}
    for slot, own in due.items():
        summed[boxes[slot]] = summed.get(boxes[slot], 0.0) + own
    return summed
