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


class _Idle(NamedTuple):
    """All nodes below one parent that have one weight, do nothing, and have no limit."""

    parent: int
    weight: int


class Dues(NamedTuple):
    """How many CPUs each cell is due; those of idle ones by parent and weight."""

    busy: Mapping[int, float]
    idle: Mapping[tuple[int, int], float]


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
    states, runnable = now["state"], now["nr_runnable"]
    claims: dict[int | _Idle, Claim] = {}
    rows = set(shown)
    wanted = rows | {HOST_CELL}
    for slot, state in enumerate(states):
        if state in (CELL_FREE, CELL_CLAIMING):
            continue
        if runnable[slot] > 0 or (state != CELL_LIVE and slot in ran):
            wanted.add(slot)
    for slot in tuple(wanted):
        wanted.update(_above(now["parent"], slot))
    boxes = [
        slot if state in (CELL_LIVE, CELL_DRAINING) else box
        for slot, (state, box) in enumerate(zip(states, now["box"], strict=True))
    ]
    nested = {boxes[slot] for slot in wanted if boxes[slot] != slot}
    # One that is idle itself may have a busy one in it.
    idle = {
        _Idle(now["parent"][slot], max(now["weight"][slot], 1))
        for slot, state in enumerate(states)
        if state in (CELL_LIVE, CELL_DRAINING) and slot not in rows
    }
    # And its parents may be idle as well: they bound what it would get.
    for parent in {each.parent for each in idle if each.parent < len(states)}:
        wanted.add(parent)
        wanted.update(_above(now["parent"], parent))
    for slot in wanted:
        tasks = max(runnable[slot], 0)
        if not tasks and slot in ran and slot not in nested:
            tasks = 1  # between two turns, just now
        claims[slot] = Claim(
            now["parent"][slot] if slot != HOST_CELL else None,
            max(now["weight"][slot], 1),
            tasks * OCIHOOK_WEIGHT_DEFAULT,
            limit_cpus(slot),
            own_cpus(slot),
        )
    idle.add(_Idle(HOST_CELL, OCIHOOK_WEIGHT_DEFAULT))
    claims |= {each: Claim(each.parent, each.weight) for each in idle}
    found = promises(claims, online)
    # What an idle cgroup would get is no part of what its cell is due.
    due = {
        slot: found[slot].own for slot in wanted if boxes[slot] == slot or claims[slot].own_weight
    }
    busy = _of_cells(due, boxes)
    if not busy.get(HOST_CELL):
        busy[HOST_CELL] = found[_Idle(HOST_CELL, OCIHOOK_WEIGHT_DEFAULT)].whole
    return Dues(busy, {(each.parent, each.weight): found[each].whole for each in idle})


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
