# SPDX-License-Identifier: Apache-2.0
"""The tree on the screen of ``ocihook top``: 80 and 120 columns, scrolling, before any figures."""

from collections.abc import Callable

import pytest
from whole_tree import Cgroups, at

from ocihook.cli.top_screen import screen
from ocihook.cli.top_view import View
from ocihook.sched.cell_tree import cell_tree, rows_of
from ocihook.sched.usage import Usage, usage

Snapshot = Callable[[str, str], None]

SEEN = usage(at(1), at(2), nodes=True)
PATHS = Cgroups().of(())
DOCUMENT = cell_tree(rows_of(SEEN, PATHS), SEEN, PATHS, Cgroups().idle(()))


@pytest.mark.parametrize("columns", [80, 120])
def test_screen(snapshot: Snapshot, columns: int) -> None:
    lines = screen(SEEN, View(tree=True), columns, 30, tree=DOCUMENT)
    assert len(lines) == 30
    assert max(map(len, lines)) <= columns
    snapshot(f"top-tree-{columns}", "\n".join(lines))


def test_scrolling_ends_at_the_last_line() -> None:
    view = View(tree=True)
    for _ in range(50):
        view.press("down")
    lines = screen(SEEN, view, 80, 12, tree=DOCUMENT)
    assert len(lines) == 12
    assert "(gone) last" in lines[-2]


def test_a_cell_has_the_letter_of_its_strip() -> None:
    view = View(tree=True)
    (web,) = [line for line in screen(SEEN, view, 120, tree=DOCUMENT) if " web " in line]
    assert web.startswith(f"{view.letters[1]}   1 ")


def test_before_the_first_figures() -> None:
    lines = screen(Usage(0, [], []), View(tree=True), 80, 24)
    assert len(lines) == 24
    assert "CGROUP" in lines[2]
