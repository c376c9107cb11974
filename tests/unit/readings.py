# SPDX-License-Identifier: Apache-2.0
"""Readings of the scheduler's tables, from cells that a test writes down."""

from typing import Any, NamedTuple

from ocihook.abi import CELL_LIVE, OCIHOOK_WAIT_BUCKETS, Cell, CellStats, CellWaits
from ocihook.sched.usage import Reading

MS = 1_000_000
SECOND_NS = 1_000_000_000


class Slot(NamedTuple):
    """A slot: its cell, what each CPU counted for it, how often its tasks waited how long."""

    cell: Cell
    stats: tuple[CellStats, ...] = ()
    waits: dict[int, int] = {}  # noqa: RUF012, read only


def live(name: str = "c", **members: Any) -> Cell:
    given = {"state": CELL_LIVE, "generation": 1, "weight": 100, "cgid": 7, **members}
    return Cell(name=name.encode(), **given)


def ran(*seconds: float) -> tuple[CellStats, ...]:
    """What CPUs 0, 1, ... counted that ran for so long."""
    return tuple(CellStats(run_ns=round(each * SECOND_NS)) for each in seconds)


def reading(taken_s: float, slots: list[Slot | None], possible: int = 0b11) -> Reading:
    """All of `possible` are online; None is a slot that is free."""
    cells, stats, waits = bytearray(), bytearray(), bytearray()
    for slot in slots:
        one = slot or Slot(Cell())
        cells += one.cell.pack()
        for cpu in range(possible.bit_count()):
            stats += (one.stats[cpu] if cpu < len(one.stats) else CellStats()).pack()
        counts = tuple(one.waits.get(bucket, 0) for bucket in range(OCIHOOK_WAIT_BUCKETS))
        waits += CellWaits(buckets=counts).pack()
    return Reading(round(taken_s * SECOND_NS), cells, stats, waits, possible, possible)
