# SPDX-License-Identifier: Apache-2.0
"""``ocihook cells``: the list and all about one cell, as text and as JSON."""

import json
import os
from collections.abc import Callable
from typing import Any

import pytest

from ocihook import cpulist, schema
from ocihook.abi import (
    CELL_DRAINING,
    CELL_FLAG_NO_LEND,
    CELL_LIVE,
    OCIHOOK_WAIT_BUCKETS,
    Cell,
    CellStats,
    CellWaits,
)
from ocihook.cli import cells as cells_command
from ocihook.sched.cell_row import describe

Run = Callable[..., Any]

WAITS = CellWaits(buckets=(0,) * 4 + (60, 0, 0, 0, 0, 40) + (0,) * (OCIHOOK_WAIT_BUCKETS - 10))
HOST = {
    **describe(
        0,
        Cell(name=b"host", cgid=1, state=CELL_LIVE, generation=1, weight=20000),
        [CellStats(run_ns=5_250_000_000, nr_runs=7), CellStats()],
        CellWaits(),
        0b11,
    ),
    "cgroup": "/",
    "tasks": 90,
}
WEB = describe(
    3,
    Cell(
        name=b"web",
        container=b"c0ffee0123456789",
        cgid=77,
        state=CELL_DRAINING,
        generation=7,
        weight=300,
        restricted=1,
        usable=cpulist.to_words(0b10),
        own=cpulist.to_words(0b10),
        flags=CELL_FLAG_NO_LEND,
        quota_ns=50_000_000,
        period_ns=100_000_000,
        burst_ns=1_000_000,
        nr_throttled=1,
        throttled_ns=250_000_000,
    ),
    [CellStats(nr_narrow=2), CellStats(run_ns=1_500_000, nr_runs=2, wait_ns=9_000_000)],
    WAITS,
    0b11,
)
SHARED = {
    **describe(4, Cell(name=b"pool", state=CELL_LIVE, weight=100), [CellStats()], WAITS, 0b1),
    "members": [
        {"container": "aaaa0123456789", "cgid": 8, "cgroup": "/a"},
        {"container": "aabb0123456789", "cgid": 9, "cgroup": None},
    ],
}
CELLS = [HOST, WEB, SHARED]
LIST = pytest.mark.parametrize("words", [["cells"], ["cells", "list"]], ids=["bare", "list"])


@pytest.fixture(autouse=True)
def _cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells_command, "list_cells", lambda: CELLS)


@LIST
def test_list_as_json(run: Run, words: list[str]) -> None:
    outcome = run(*words, "--json")
    assert (outcome.status, outcome.stderr) == (0, "")
    assert json.loads(outcome.stdout) == CELLS
    assert schema.findings("cells", json.loads(outcome.stdout)) == []


@LIST
def test_list_as_a_table(run: Run, words: list[str]) -> None:
    outcome = run(*words)
    assert (outcome.status, outcome.stderr) == (0, "")
    heading, *rows = [" ".join(line.split()) for line in outcome.stdout.splitlines()]
    assert heading == " ".join(name for name, _ in cells_command.COLUMNS)
    assert rows == [
        "0 host live 20000 0-1 - - 90 5.2 s -",
        "3 web c0ffee012345 draining 300 1 1 50% 0 0.0 s < 512 us",
        "4 pool aaaa01234567, aabb01234567 live 100 0 - - 0 0.0 s < 512 us",
    ]


def test_list_fits_100_characters(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a name as it is without an annotation, CPUs up to 1023, and a long life."""
    row = {**WEB, "cell": 4095, "name": "c0ffee012345", "weight": 10000, "cpus": "0-1023",
           "own_cpus": "0-1023", "tasks": 9999, "run_ns": 99999 * 10**9}  # fmt: skip
    monkeypatch.setattr(cells_command, "list_cells", lambda: [row])
    assert max(map(len, run("cells").stdout.splitlines())) <= 100


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
        "throttled  0.250 s, 1 time\n"
        "narrow     2 times\n"
        "fallbacks  0 times\n"
    )


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
