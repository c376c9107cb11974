# SPDX-License-Identifier: Apache-2.0
"""Which histograms are read again: those of slots that ran, and never fewer."""

from __future__ import annotations

import pytest

from ocihook.abi import CellStats, CellWaits
from ocihook.sched.tables import WORTH_ALL, Tables

STATS_BYTES, WAITS_BYTES = CellStats.LAYOUT.size, CellWaits.LAYOUT.size


class Waits:
    """The kernel's table of waits, one byte value a slot, which counts how it is read."""

    def __init__(self) -> None:
        """Begin without slots."""
        self.values: list[int] = []
        self.one_by_one: set[int] = set()

    def read_first(self, count: int) -> bytearray:
        """Return the first slots."""
        return bytearray(b"".join(bytes([value]) * WAITS_BYTES for value in self.values[:count]))

    def read_bytes(self, index: int) -> bytearray:
        """Return one."""
        self.one_by_one.add(index)
        return bytearray([self.values[index]]) * WAITS_BYTES


class Stats:
    """The table of counters, on a machine with one cache."""

    copies = 1


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def tables(waits: Waits) -> Tables:
    """Tables that need no kernel."""
    made = object.__new__(Tables)
    made.__dict__.update(_waits=waits, _stats=Stats, _seen=(bytearray(), bytearray()))
    return made


def stats(runs: list[int]) -> bytearray:
    return bytearray(b"".join(bytes([count]) * STATS_BYTES for count in runs))


def test_few_that_ran_are_read_by_themselves(tables: Tables, waits: Waits) -> None:
    slots = 3 * WORTH_ALL
    runs = waits.values = [1] * slots
    assert tables._read_waits(stats(runs)) == waits.read_first(slots)
    assert not waits.one_by_one, "the first time it is all of them"
    before = tables._read_waits(stats(runs))
    runs[5] = runs[17] = 2
    assert tables._read_waits(stats(runs)) == waits.read_first(slots)
    assert waits.one_by_one == {5, 17}
    assert before == bytearray([1]) * (WAITS_BYTES * slots), (
        "what was returned before is left as it is"
    )


def test_many_that_ran_are_read_at_once(tables: Tables, waits: Waits) -> None:
    slots = 3 * WORTH_ALL
    waits.values = [1] * slots
    tables._read_waits(stats(waits.values))
    waits.values = [2] * slots
    assert tables._read_waits(stats(waits.values)) == waits.read_first(slots)
    assert not waits.one_by_one


def test_slots_that_came_since(tables: Tables, waits: Waits) -> None:
    waits.values = [1] * (8 * WORTH_ALL)
    tables._read_waits(stats(waits.values))
    waits.values = [*waits.values, 0, 4, 3]
    assert tables._read_waits(stats(waits.values)) == waits.read_first(len(waits.values))
    assert {len(waits.values) - 2, len(waits.values) - 1} <= waits.one_by_one
