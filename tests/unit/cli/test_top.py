# SPDX-License-Identifier: Apache-2.0
"""``ocihook top`` as a command: files and pipes, JSON, mistakes."""

import json
import os
import time
from collections.abc import Callable
from typing import Any

import pytest
from ten_cells import SEEN, Tables

from ocihook import schema
from ocihook.cli import top as command
from ocihook.cli.top_screen import screen
from ocihook.cli.top_view import View
from ocihook.errors import SchedulerUnavailable
from ocihook.sched.usage import Reading

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
