# SPDX-License-Identifier: Apache-2.0
"""How ``ocihook top`` sorts and scrolls, and which keys do it."""

import pytest
from ten_cells import SEEN

from ocihook.cli.top_screen import screen
from ocihook.cli.top_view import ORDERS, View


def order(view: View) -> list[int]:
    return [row.cell for row in view.rows(SEEN)]


FIRST = {
    "CELL": [0, 1, 2], "NAME": [5, 3, 7], "WEIGHT": [9, 1, 0], "PROMISED": [9, 1, 2],
    "GOT": [3, 1, 2], "P50": [4, 3, 1], "P99": [4, 3, 1], "THROTTLED": [4, 0, 1],
    "BORROW": [3, 0, 1], "LENT": [2, 0, 1], "RUNNABLE": [3, 1, 4],
}  # fmt: skip
"""The cells at the top, by the column that is sorted by."""


@pytest.mark.parametrize("column", ORDERS)
def test_order(column: str) -> None:
    assert order(View(order=column))[:3] == FIRST[column]


def test_keys() -> None:
    view = View()
    view.press("r")
    assert order(view)[-1] == 3
    for key in ("r", "right"):
        view.press(key)
    assert view.order == "P50"
    view.press("left")
    view.press("left")
    assert view.order == "PROMISED"
    assert view.press(" ")
    assert view.paused
    assert not view.press("q")


def test_the_tree_begins_at_its_top() -> None:
    view = View(first=7)
    view.press("t")
    assert (view.tree, view.first) == (True, 0)
    view.press("t")
    assert not view.tree


def test_scrolling_ends_at_the_last_cell() -> None:
    view = View()
    for _ in range(50):
        view.press("down")
    lines = screen(SEEN, view, 80, 12)
    assert view.first == 9 - 4
    assert "red" in lines[-2]
    view.press("home")
    assert view.first == 0


def test_letters_stay_while_the_order_changes() -> None:
    view = View()
    view.name_letters(SEEN)
    before = dict(view.letters)
    assert before[0] == "0"
    assert len(set(before.values())) == len(before) == 5
    view.order, view.reverse = "NAME", True
    view.name_letters(SEEN)
    assert view.letters == before
