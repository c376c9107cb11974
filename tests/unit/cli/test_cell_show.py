# SPDX-License-Identifier: Apache-2.0
"""``ocihook cells show``: all about one cell, as text and as JSON."""

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from listed_cells import CELLS, WEB

from ocihook import schema
from ocihook.cli import cells as cells_command

Run = Callable[..., Any]


@pytest.fixture(autouse=True)
def _cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells_command, "list_cells", lambda: CELLS)


@pytest.mark.parametrize("which", ["3", "web", "c0ffee0123456789", "c0f"])
def test_show(run: Run, which: str) -> None:
    outcome = run("cells", "show", which)
    assert (outcome.status, outcome.stderr) == (0, "")
    assert outcome.stdout == (
        "cell       3, generation 7, draining\n"
        "name       web\n"
        "container  c0ffee0123456789\n"
        "cgroup     (gone)\n"
        "tasks      0\n"
        "weight     300\n"
        "cpus       1\n"
        "cpuset     -\n"
        "exec cpus  -\n"
        "own cpus   1, not lent\n"
        "borrows    idle CPUs of others\n"
        "quota      50% of a CPU: 50000 us in 100000 us, burst 1000 us\n"
        "run        0.002 s, 2 times\n"
        "  cpu 1    0.002 s\n"
        "borrowed   0.000 s\n"
        "lent       0.000 s\n"
        "waited     0.009 s\n"
        "wake-ups   100, then waited p50 < 16 us, p99 < 512 us\n"
        "preempted  0 times\n"
        "throttled  0.250 s, 1 of 4 periods\n"
        "narrow     2 times\n"
        "fallbacks  0 times\n"
    )


def test_show_own_cpus_out_of_reach(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{**WEB, "own_cpus_out_of_reach": "1"}]
    monkeypatch.setattr(cells_command, "list_cells", lambda: rows)
    lines = run("cells", "show", "web").stdout.splitlines()
    assert "own cpus   1, not lent; not in its cpuset now: 1" in lines


def test_show_of_a_shared_cell_names_each_container(run: Run) -> None:
    lines = run("cells", "show", "pool").stdout.splitlines()
    assert lines[2:6] == [
        "container  aaaa0123456789",
        "cgroup     /a",
        "container  aabb0123456789",
        "cgroup     (gone)",
    ]
    assert run("cells", "show", "aab").stdout.splitlines() == lines


def test_show_as_json_is_a_list_of_one(run: Run) -> None:
    outcome = run("cells", "show", "web", "--json")
    assert json.loads(outcome.stdout) == [WEB]
    assert schema.findings("cells", [WEB]) == []


def test_show_of_a_cell_that_did_nothing(run: Run) -> None:
    lines = run("cells", "show", "host").stdout.splitlines()
    assert "wake-ups   0" in lines
    assert "quota      -" in lines
    assert "own cpus   -" in lines


def test_what_is_shown_is_text(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    evil = {**WEB, "container": "\x1b[31m", "cgroup": "/a\nb"}
    monkeypatch.setattr(cells_command, "list_cells", lambda: [evil])
    shown = run("cells", "show", "3").stdout
    assert "container  \\x1b[31m\n" in shown
    assert "cgroup     /a\\nb\n" in shown


@pytest.mark.parametrize(
    ("which", "message"),
    [("nobody", "cell 'nobody': there is none (see: ocihook cells)"),
     ("aa", "cell 'aa': could be any of 4, 5 (name it by its number)")],
)  # fmt: skip
def test_show_of_none_or_many(
    run: Run, monkeypatch: pytest.MonkeyPatch, which: str, message: str
) -> None:
    other = {**WEB, "cell": 5, "name": "x", "container": "aac0"}
    monkeypatch.setattr(cells_command, "list_cells", lambda: [*CELLS, other])
    assert run("cells", "show", which) == (os.EX_DATAERR, "", f"ocihook: {message}\n")
