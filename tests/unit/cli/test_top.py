# SPDX-License-Identifier: Apache-2.0
"""``ocihook top``: screens of 80 and 120 columns, keys, files and pipes, JSON."""

import json
import os
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from readings import Slot, live, ran, reading
from ten_cells import SEEN, Tables

from ocihook import schema
from ocihook.cli import top as command
from ocihook.cli.top_screen import screen
from ocihook.cli.top_view import ORDERS, View
from ocihook.errors import SchedulerUnavailable
from ocihook.sched.usage import Reading, Usage, usage

Run = Callable[..., Any]
Snapshot = Callable[[str, str], None]


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "Tables", Tables)
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    monkeypatch.delenv("COLUMNS", raising=False)


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


@pytest.mark.usefixtures("tables")
def test_a_pipe_gets_one_screen_with_all_cells(run: Run) -> None:
    for words in ((), ("--once",)):
        outcome = run("top", *words)
        assert (outcome.status, outcome.stderr) == (0, "")
        assert outcome.stdout.splitlines() == screen(SEEN, View(), 120)
        assert "quit" not in outcome.stdout


@pytest.mark.usefixtures("tables")
def test_batch(run: Run) -> None:
    outcome = run("top", "--batch", "3", "--sort", "weight", "--reverse")
    assert outcome.stdout.count("ocihook top") == 3
    assert outcome.stdout.count("by WEIGHT reversed") == 3


@pytest.mark.usefixtures("tables")
def test_json(run: Run) -> None:
    outcome = run("top", "--json", "--batch", "2")
    documents = [json.loads(line) for line in outcome.stdout.splitlines()]
    assert len(documents) == 2
    for document in documents:
        assert schema.findings("top", document) == []
        assert document["cells"][1]["got_cpus"] == 1.28


@pytest.mark.usefixtures("tables")
def test_unknown_column(run: Run) -> None:
    outcome = run("top", "--sort", "colour")
    assert outcome.status == os.EX_USAGE or outcome.status == 2
    assert "colour: none of cell, name, weight" in " ".join(outcome.stderr.split())


@pytest.mark.usefixtures("tables")
def test_scheduler_that_ends_meanwhile(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def ended(_self: Tables) -> Reading:
        raise SchedulerUnavailable("the scheduler has ended: unregistered", "start it")

    monkeypatch.setattr(Tables, "read", ended)
    message = "ocihook: the scheduler has ended: unregistered (start it)\n"
    assert run("top", "--once") == (os.EX_UNAVAILABLE, "", message)
