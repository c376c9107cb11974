# SPDX-License-Identifier: Apache-2.0
import pytest

from ocihook.abi import (
    Cell,
    CellQuery,
    CellSweep,
)
from ocihook.record import Record
from ocihook.sched.columns import column, place


@pytest.mark.parametrize(
    ("member", "values"),
    [
        ("nr_runnable", [-2, 0]),
        ("generation", [7, 0]),
        ("limited", [3, 0]),
        ("nr_nested", [-4, 0]),
        ("nr_throttled", [9, 0]),
        ("own", [5, 0]),
    ],
)
def test_column(member: str, values: list[int]) -> None:
    first = Cell(
        nr_runnable=-2, generation=7, limited=3, nr_nested=-4, nr_throttled=9, own=(5, *[1] * 15)
    )
    assert column(first.pack() + Cell().pack(), Cell, member) == values


def test_a_member_after_padding() -> None:
    """``limited`` is the last before it in a cell, ``generation`` in a query."""
    at_bytes, kind = place(Cell, "limited")
    assert (kind, place(Cell, "nr_nested")) == ("I", (at_bytes + 8, "q"))
    assert place(CellQuery, "generation") == (8, "I")
    assert place(CellQuery, "cgid") == (16, "Q")
    queries = bytes(CellQuery(pid=1, cgid=77).pack() + CellQuery(pid=2, cgid=78).pack())
    assert column(queries, CellQuery, "cgid") == [77, 78]


def test_padding_at_the_end() -> None:
    sweeps = bytes(CellSweep(drained=3).pack() + CellSweep(claims=1, drained=4).pack())
    assert column(sweeps, CellSweep, "drained") == [3, 4]


@pytest.mark.parametrize("record", [Cell, CellQuery, CellSweep])
def test_every_member_has_its_place(record: type[Record]) -> None:
    """No two have one, and the order is that of the structure."""
    places = [place(record, member)[0] for member in record.__slots__]
    assert places == sorted(set(places))
    assert places[-1] < record.LAYOUT.size
