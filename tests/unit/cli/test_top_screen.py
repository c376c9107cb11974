# SPDX-License-Identifier: Apache-2.0
"""The screen of ``ocihook top``: 80 and 120 columns, few lines, many CPUs."""

import re
from collections.abc import Callable

import pytest
from readings import Slot, live, ran, reading
from ten_cells import SEEN

from ocihook.cli.top_screen import screen
from ocihook.cli.top_view import View
from ocihook.sched.usage import Usage, usage

Snapshot = Callable[[str, str], None]


@pytest.mark.parametrize("columns", [80, 120])
def test_screen(snapshot: Snapshot, columns: int) -> None:
    lines = screen(SEEN, View(), columns, 24)
    assert len(lines) == 24
    assert max(map(len, lines)) <= columns
    snapshot(f"top-{columns}", "\n".join(lines))


def test_machine_of_many_cpus(snapshot: Snapshot) -> None:
    many = (1 << 40) - 1
    busy = [Slot(live("host")), Slot(live("web"), ran(*(cpu / 40 for cpu in range(40))))]
    seen = usage(reading(0, [Slot(live("host")), Slot(live("web"))], many), reading(1, busy, many))
    lines = screen(seen, View(), 80, 24)
    assert max(map(len, lines)) <= 80
    snapshot("top-many-cpus-80", "\n".join(lines))
    assert "and 16 more CPUs" in lines
    for tall_or_file in (screen(seen, View(), 80, 60), screen(seen, View(), 80)):
        text = "\n".join(tall_or_file)
        assert "more CPUs" not in text
        assert all(re.search(rf"(^| ) *{cpu} [.a-z]+ +\d+%", text, re.M) for cpu in range(40))
    assert len(screen(seen, View(), 80, 60)) == 60


def test_before_the_first_figures() -> None:
    assert len(screen(Usage(0, [], []), View(), 80, 24)) == 24


@pytest.mark.parametrize("lines", [1, 5, 9])
def test_small_screen(lines: int) -> None:
    assert len(screen(SEEN, View(), 20, lines)) == lines
    assert max(map(len, screen(SEEN, View(), 20, lines))) <= 20


def test_colours_do_not_change_the_text() -> None:
    plain = screen(SEEN, View(), 80, 24)
    coloured = screen(SEEN, View(), 80, 24, colours=True)
    assert any("\x1b[" in line for line in coloured)
    assert [re.sub(r"\x1b\[\d+m", "", line).rstrip() for line in coloured] == [
        line.rstrip() for line in plain
    ]
