# SPDX-License-Identifier: Apache-2.0
"""What the cells did between two readings of the scheduler's tables. Pure.

A reading is bytes, and stays bytes where nothing has changed: of 500 cells most are idle most of
the time, and comparing bytes costs nothing beside unpacking them.
"""

import struct
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from itertools import repeat
from operator import itemgetter
from typing import Any, NamedTuple

from ocihook import cpulist
from ocihook.abi import (
    CELL_DRAINING,
    CELL_FLAG_OWNS,
    CELL_LIVE,
    OCIHOOK_CPU_WORDS,
    OCIHOOK_MAX_CELLS,
    OCIHOOK_NAME_BYTES,
    Cell,
)
from ocihook.sched.columns import column, place
from ocihook.sched.counts import (
    NO_COUNTS,
    NO_WAITS,
    Counters,
    Counts,
    CpuCounts,
    CpuUsage,
    waits_since,
)
from ocihook.sched.node_usage import NodeUsage, node_usage
from ocihook.sched.tree import HOST_CELL, dues, node_dues

_COLUMNS = (
    "state", "generation", "weight", "flags", "shared", "shared_generation", "nr_runnable",
    "nr_nested", "quota_ns", "parent", "box",
)  # fmt: skip
_OF_QUOTAS = ("period_ns", "throttled_since_ns", "throttled_ns", "nr_throttled")


class Reading(NamedTuple):
    """The tables at one moment: as many elements of each as slots were ever used.

    ``counters.runs`` has a record a cell for each CPU of the mask ``possible``, lowest CPU first,
    and ``counters.stats`` one for each last-level cache.
    """

    taken_ns: int
    cells: bytes | bytearray
    counters: Counters
    waits: bytes | bytearray
    possible: int
    online: int


class CellUsage(NamedTuple):
    """What a cell did; ``promised`` and ``got`` in CPUs, ``waits`` a histogram of wake-ups."""

    cell: int
    name: str
    state: str
    weight: int
    promised: float
    got: float
    waits: tuple[int, ...]
    throttled_ns: int
    nr_throttled: int
    borrowed: float
    lent: float
    runnable: int


class Usage(NamedTuple):
    """All of it, by number of the cell and of the CPU. ``interval_ns`` is the time between.

    ``nodes`` are all nodes of the tree of cgroups, if they were asked for.
    """

    interval_ns: int
    cells: list[CellUsage]
    cpus: list[CpuUsage]
    nodes: tuple[NodeUsage, ...] = ()


_ROW: Callable[[tuple[Any, ...]], CellUsage] = partial(tuple.__new__, CellUsage)

_NOTHING = (0.0, NO_WAITS, 0, 0, 0.0, 0.0, 0)
"""What an idle cell did: ``got`` and all that comes after it."""

_Did = tuple[Counts, tuple[int, ...], int, int]
"""Of one cell: its counts, waits, and throttled for how long and how often."""


def usage(before: Reading, after: Reading, *, nodes: bool = False) -> Usage:
    """Return what happened between two readings of the same scheduler; with ``nodes``, at each.

    A slot that has a new cell since counts from that cell's beginning. A cell that several cgroups
    share is one; its members' own slots are left out, as in ``ocihook cells``.
    """
    interval_ns = max(after.taken_ns - before.taken_ns, 1)
    now = {name: column(after.cells, Cell, name) for name in _COLUMNS}
    weights, flags = now["weight"], now["flags"]
    runnable, nested = now["nr_runnable"], now["nr_nested"]
    quotas_ns, generations = now["quota_ns"], now["generation"]
    generations_then = column(before.cells, Cell, "generation")
    if any(quotas_ns):
        now |= {name: column(after.cells, Cell, name) for name in _OF_QUOTAS}
        then = {name: column(before.cells, Cell, name) for name in _OF_QUOTAS}
    cpus = CpuCounts(after.counters, after.possible, after.online)
    known = len(generations_then)
    ran = cpus.changed_since(before.counters)
    did: dict[int, _Did] = {}
    idle: list[int] = []
    for slot in _shown(now):
        fresh = slot >= known or generations_then[slot] != generations[slot]
        quota_ns, owns = quotas_ns[slot], flags[slot] & CELL_FLAG_OWNS
        runs = runnable[slot] + nested[slot] > 0
        if slot != HOST_CELL and not (fresh or slot in ran or quota_ns or owns or runs):
            idle.append(slot)
            continue
        counts: Counts = NO_COUNTS
        waits = NO_WAITS
        if fresh or slot in ran:  # a wait ends with a run, so it is counted together with one
            counts = cpus.count(slot, None if fresh else before.counters)
            waits = waits_since(None if fresh else before.waits, after.waits, slot)
        throttled_ns = nr_throttled = 0
        if quota_ns:
            throttled_ns = _throttled_ns(now, after.taken_ns, slot)
            nr_throttled = now["nr_throttled"][slot]
            if not fresh:
                throttled_ns -= _throttled_ns(then, before.taken_ns, slot)
                nr_throttled -= then["nr_throttled"][slot]
            # Since when a cell is throttled is a time of the run queue's clock, not quite ours.
            throttled_ns = min(max(throttled_ns, 0), interval_ns)
        did[slot] = counts, waits, throttled_ns, nr_throttled

    def limit_cpus(slot: int) -> float | None:
        if not quotas_ns[slot] or not now["period_ns"][slot]:
            return None
        return quotas_ns[slot] / now["period_ns"][slot]

    def own_cpus(slot: int) -> int:
        return _own_cpus(after, slot) if flags[slot] & CELL_FLAG_OWNS else 0

    online = after.online.bit_count()
    promised = dues(now, ran, did, limit_cpus=limit_cpus, own_cpus=own_cpus, online=online)
    names, states = _names(after), _states(now["state"])
    rows = [
        CellUsage(
            cell=slot,
            name=names[slot],
            state=states[slot],
            weight=weights[slot],
            promised=promised.busy[slot],
            got=counts[0] / interval_ns,
            waits=waits,
            throttled_ns=throttled_ns,
            nr_throttled=nr_throttled,
            borrowed=counts[1] / interval_ns,
            lent=counts[2] / interval_ns,
            runnable=max(runnable[slot] + nested[slot], 0),
        )
        for slot, (counts, waits, throttled_ns, nr_throttled) in did.items()
    ]
    parents = now["parent"]
    own = ([values[slot] for slot in idle] for values in (names, states, weights))
    due = [promised.idle[parents[slot], max(weights[slot], 1)] for slot in idle]
    nothing = (repeat(each, len(idle)) for each in _NOTHING)
    # In C, a quarter of a microsecond less for each of some hundred.
    rows += map(_ROW, zip(idle, *own, due, *nothing, strict=True))
    rows.sort(key=itemgetter(0))
    found = Usage(interval_ns, rows, cpus.usage(interval_ns))
    if not nodes:
        return found

    def run_ns(slot: int) -> int:
        fresh = slot >= known or generations_then[slot] != generations[slot]
        if not (fresh or slot in ran):
            return 0
        return cpus.run_ns(slot, None if fresh else before.counters)

    of_each = node_dues(now, ran, did, limit_cpus=limit_cpus, own_cpus=own_cpus, online=online)
    return found._replace(nodes=node_usage(after.cells, now, of_each, run_ns, interval_ns))


def _throttled_ns(columns: dict[str, list[int]], at_ns: int, slot: int) -> int:
    since_ns = columns["throttled_since_ns"][slot]
    return columns["throttled_ns"][slot] + (at_ns - since_ns if since_ns else 0)


def _shown(now: dict[str, list[int]]) -> Iterator[int]:
    shared, generations = now["shared"], now["generation"]
    for slot, state in enumerate(now["state"]):
        if state not in (CELL_LIVE, CELL_DRAINING):
            continue
        home = shared[slot]
        if home and home < len(shared) and generations[home] == now["shared_generation"][slot]:
            continue
        yield slot


def _states(states: list[int]) -> list[str]:
    if CELL_DRAINING not in states:
        return ["live"] * len(states)
    return ["draining" if state == CELL_DRAINING else "live" for state in states]


def _own_cpus(reading: Reading, slot: int) -> int:
    """Return how many CPUs that are online are a cell's own."""
    at, _ = place(Cell, "own")
    at += slot * Cell.LAYOUT.size
    words = memoryview(reading.cells)[at : at + 8 * OCIHOOK_CPU_WORDS].cast("B").cast("Q").tolist()
    return (cpulist.from_words(tuple(words)) & reading.online).bit_count()


def _names(reading: Reading) -> list[str]:
    at, size = place(Cell, "name")[0], Cell.LAYOUT.size
    each = struct.Struct(f"{at}x{OCIHOOK_NAME_BYTES}s{size - at - OCIHOOK_NAME_BYTES}x")
    return [_name(raw) for (raw,) in each.iter_unpack(reading.cells)]


@lru_cache(OCIHOOK_MAX_CELLS)
def _name(raw: bytes) -> str:
    return raw.partition(b"\0")[0].decode(errors="replace")
