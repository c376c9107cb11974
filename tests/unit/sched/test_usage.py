# SPDX-License-Identifier: Apache-2.0
"""What two readings of the tables tell of each cell and CPU."""

import pytest
from readings import MS, SECOND_NS, Slot, live, ran, reading

from ocihook.abi import (
    CELL_CLAIMING,
    CELL_DRAINING,
    CellStats,
)
from ocihook.sched.usage import usage

HOST = Slot(live("host", cgid=1))


def test_time_on_each_cpu_is_of_the_interval_alone() -> None:
    before = reading(10, [HOST, Slot(live("web"), ran(100, 50), {3: 5})])
    after = reading(12, [HOST, Slot(live("web", nr_runnable=2), ran(101, 50.5), {3: 5, 9: 2})])
    found = usage(before, after)
    assert found.interval_ns == 2 * SECOND_NS
    host, web = found.cells
    assert (web.cell, web.name, web.state, web.runnable) == (1, "web", "live", 2)
    assert web.got == pytest.approx(0.75)
    assert (sum(web.waits), web.waits[9]) == (2, 2)
    assert (host.got, sum(host.waits)) == (0, 0)
    assert [(cpu.cpu, cpu.parts) for cpu in found.cpus] == [(0, [(1, 0.5)]), (1, [(1, 0.25)])]


def test_a_new_cell_in_the_slot_counts_from_its_beginning() -> None:
    before = reading(10, [HOST, Slot(live("old", nr_throttled=50), ran(100), {3: 70})])
    new = live("new", generation=2, nr_throttled=1, quota_ns=MS, period_ns=100 * MS)
    (_, row) = usage(before, reading(11, [HOST, Slot(new, ran(0.5), {3: 4})])).cells
    assert (row.name, row.got, row.waits[3], row.nr_throttled) == ("new", 0.5, 4, 1)


def test_a_slot_that_was_never_used_before() -> None:
    before = reading(10, [HOST])
    (_, row) = usage(before, reading(11, [HOST, Slot(live("new"), ran(0.5))])).cells
    assert (row.name, row.got) == ("new", 0.5)


def test_what_cells_does_not_list_is_not_here() -> None:
    pool = live("pool", cgid=0, generation=4, nr_members=1)
    slots = [
        HOST,
        None,
        Slot(live("claimed", state=CELL_CLAIMING)),
        Slot(live("ending", state=CELL_DRAINING)),
        Slot(live("pool", shared=5, shared_generation=4)),
        Slot(pool),
        Slot(live("left", shared=5, shared_generation=3)),
    ]
    found = usage(reading(1, slots), reading(2, slots)).cells
    assert [(row.cell, row.state) for row in found] == [
        (0, "live"), (3, "draining"), (5, "live"), (6, "live")
    ]  # fmt: skip


def test_throttled_time_goes_on_while_a_cell_is_throttled() -> None:
    def at(taken_s: float, since_s: float, so_far_s: float) -> list[Slot | None]:
        cell = live(
            quota_ns=MS,
            period_ns=100 * MS,
            throttled_since_ns=round(since_s * SECOND_NS),
            throttled_ns=round(so_far_s * SECOND_NS),
        )
        return [HOST, Slot(cell)]

    begun = usage(reading(10, at(10, 9.5, 3)), reading(11, at(11, 9.5, 3)))
    assert begun.cells[1].throttled_ns == SECOND_NS
    ended = usage(reading(10, at(10, 9.5, 3)), reading(11, at(11, 0, 3.75)))
    assert ended.cells[1].throttled_ns == 250 * MS


def test_borrowed_and_lent() -> None:
    stats = (CellStats(borrowed_ns=SECOND_NS // 2), CellStats(lent_ns=5 * MS))
    after = reading(1, [HOST, Slot(live(), ran(1), stats=stats)])
    found = usage(reading(0, [HOST, Slot(live())]), after)
    assert (found.cells[1].borrowed, found.cells[1].lent) == (0.5, 0.005)
