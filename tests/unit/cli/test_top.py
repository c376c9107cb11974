# SPDX-License-Identifier: Apache-2.0
"""``ocihook top`` as a command: files and pipes, JSON, mistakes."""

import json
import os
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import whole_tree
from ten_cells import SEEN, Tables
from whole_tree import Cgroups

from ocihook import schema
from ocihook.cli import top as command
from ocihook.cli.top_screen import screen
from ocihook.cli.top_view import View
from ocihook.errors import SchedulerUnavailable
from ocihook.sched.cell_tree import cell_tree, rows_of
from ocihook.sched.cgroup_paths import CgroupPaths
from ocihook.sched.usage import Reading, Usage, usage

Run = Callable[..., Any]
Snapshot = Callable[[str, str], None]


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "Tables", Tables)
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    monkeypatch.delenv("COLUMNS", raising=False)


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


class TreeTables(Tables):
    """Those of a host with services and slices."""

    def read(self) -> Reading:
        Tables.opened += 1
        return whole_tree.at(Tables.opened)


def test_tree(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "Tables", TreeTables)
    monkeypatch.setattr(command, "CgroupPaths", Cgroups)
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    monkeypatch.delenv("COLUMNS", raising=False)
    seen = usage(whole_tree.at(1), whole_tree.at(2), nodes=True)
    paths = Cgroups().of(())
    document = cell_tree(rows_of(seen, paths), seen, paths, Cgroups().idle(()))
    outcome = run("top", "--once", "--tree")
    assert (outcome.status, outcome.stderr) == (0, "")
    assert outcome.stdout.splitlines() == screen(seen, View(tree=True), 120, tree=document)
    assert "ssh.service" in outcome.stdout


class Screen:
    """In place of a terminal: keys as they come, and all that was drawn."""

    def __init__(self, *keys: str) -> None:
        self.clock_s = 0.0
        self.drawn: list[str] = []
        self._keys = list(keys)

    def size(self) -> tuple[int, int]:
        return 80, 30

    def draw(self, lines: list[str]) -> None:
        self.drawn.append("\n".join(lines))

    def wait(self, seconds: float) -> list[str]:
        """Let the time pass, unless there is a key: it comes at once."""
        key = self._keys.pop(0)
        self.clock_s += 0 if key else seconds
        return [key] if key else []


def test_a_key_shows_the_tree_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only after the next interval; and the cells again."""
    terminal = Screen("t", "t", "", "t", "t", "q")
    clock = SimpleNamespace(monotonic=lambda: terminal.clock_s)
    monkeypatch.setattr(command, "time", clock)
    monkeypatch.setattr(command, "CgroupPaths", Cgroups)
    command._Live(TreeTables(), terminal, View(), 5.0).run()  # type: ignore[arg-type]
    shown = [
        ("as a tree" in text, "ssh.service" in text, "pool" in text) for text in terminal.drawn
    ]
    assert shown == [
        (False, False, False), (True, False, False), (False, False, False), (False, False, True),
        (True, True, True), (False, False, True),
    ]  # fmt: skip


@pytest.mark.usefixtures("tables")
def test_no_cgroup_is_looked_for_without_the_tree(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CgroupPaths, "of", None)
    asked: list[bool] = []

    def count(before: Reading, after: Reading, *, nodes: bool) -> Usage:
        asked.append(nodes)
        return usage(before, after, nodes=nodes)

    monkeypatch.setattr(command, "usage", count)
    assert run("top", "--batch", "2").status == 0
    assert asked == [False, False]


def test_the_tree_has_its_json_elsewhere(run: Run) -> None:
    outcome = run("top", "--tree", "--json")
    assert outcome.status == 2
    assert "ocihook cells tree --json" in " ".join(outcome.stderr.split())


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
