# SPDX-License-Identifier: Apache-2.0
"""What becomes of the wishes of a container that joins a cell."""

from typing import Any

import pytest

from ocihook import cpulist, shared
from ocihook.abi import CELL_FLAG_FIXED_WEIGHT, CELL_FLAG_NO_LEND, Cell
from ocihook.cell import CellSpec

THERE = Cell(
    weight=300,
    flags=CELL_FLAG_FIXED_WEIGHT,
    quota_ns=5_000_000,
    period_ns=10_000_000,
    own=cpulist.to_words(0b1100),
    nr_members=2,
)


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch) -> Cell:
    monkeypatch.setattr(shared, "cell_in_charge", lambda slot: (slot, THERE))
    return THERE


def spec(**members: Any) -> CellSpec:
    return CellSpec(container="c2", bundle_hash=2, name="web", shared=True, scope=7, **members)


@pytest.mark.parametrize(
    ("members", "is_other"),
    [
        ({}, False),
        ({"weight": 50}, False),
        ({"quota_ns": 1_000_000, "period_ns": 10_000_000}, False),
        ({"weight": 300, "fixed_weight": True}, False),
        ({"weight": 301, "fixed_weight": True}, True),
        ({"lend": False}, True),
        ({"borrow": False}, True),
        ({"own_count": 2}, False),
        ({"own_count": 1}, True),
        ({"own_list": 0b1100}, False),
        ({"own_list": 0b0100}, True),
    ],
)
def test_it_is_what_the_cell_is(cell: Cell, members: dict[str, Any], is_other: bool) -> None:
    """All marks of a cell say the same, so that a restart has no wishes but those in force."""
    joins = spec(**members)
    assert shared.adopt(joins, 3) == is_other
    assert (joins.weight, joins.fixed_weight, joins.lend, joins.borrow) == (300, True, True, True)
    assert (joins.quota_ns, joins.period_ns, joins.fixed_quota) == (5_000_000, 10_000_000, False)
    assert joins.own == 0b1100
    assert (joins.own_count, joins.own_list) in ((2, 0), (0, 0b1100))
    assert (joins.container, joins.name, joins.scope) == ("c2", "web", 7)


def test_what_the_cell_wishes_itself_is_no_other_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    keeps = Cell(weight=100, flags=CELL_FLAG_NO_LEND, nr_members=2)
    monkeypatch.setattr(shared, "cell_in_charge", lambda slot: (slot, keeps))
    assert not shared.adopt(spec(lend=False), 3)
