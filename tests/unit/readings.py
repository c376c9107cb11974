# SPDX-License-Identifier: Apache-2.0
"""Readings of the scheduler's tables, from cells that a test writes down."""

from typing import Any, NamedTuple

from ocihook.abi import CELL_LIVE, OCIHOOK_WAIT_BUCKETS, Cell, CellRunNs, CellStats, CellWaits
from ocihook.sched.counts import Counters
from ocihook.sched.usage import Reading

MS = 1_000_000
SECOND_NS = 1_000_000_000


class Slot(NamedTuple):
    """A slot: its cell, how long each CPU ran it, how often its tasks waited how long.

    And what each cache's CPUs counted besides.
    """

    cell: Cell
    runs: tuple[CellRunNs, ...] = ()
    waits: dict[int, int] = {}  # noqa: RUF012, read only
    stats: tuple[CellStats, ...] = ()


def live(name: str = "c", **members: Any) -> Cell:
    given = {"state": CELL_LIVE, "generation": 1, "weight": 100, "cgid": 7, **members}
    return Cell(name=name.encode(), **given)


def ran(*seconds: float) -> tuple[CellRunNs, ...]:
    """What CPUs 0, 1, ... counted that ran for so long."""
    return tuple(CellRunNs(run_ns=round(each * SECOND_NS)) for each in seconds)


def reading(
    taken_s: float, slots: list[Slot | None], possible: int = 0b11, caches: int = 2
) -> Reading:
    """All of `possible` are online; None is a slot that is free."""
    cells, runs, stats, waits = bytearray(), bytearray(), bytearray(), bytearray()
    for slot in slots:
        one = slot or Slot(Cell())
        cells += one.cell.pack()
        for cpu in range(possible.bit_count()):
            runs += (one.runs[cpu] if cpu < len(one.runs) else CellRunNs()).pack()
        for cache in range(caches):
            stats += (one.stats[cache] if cache < len(one.stats) else CellStats()).pack()
        counts = tuple(one.waits.get(bucket, 0) for bucket in range(OCIHOOK_WAIT_BUCKETS))
        waits += CellWaits(buckets=counts).pack()
    counters = Counters(runs, stats)
    return Reading(round(taken_s * SECOND_NS), cells, counters, waits, possible, possible)
