# SPDX-License-Identifier: Apache-2.0
"""``ocihook cells``: the list, as text and as JSON; ``ocihook gc``."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from listed_cells import CELLS, WEB

from ocihook import schema
from ocihook.abi import (
    CellSweep,
)
from ocihook.cli import cells as cells_command

Run = Callable[..., Any]
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


def test_gc(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells_command, "sweep", lambda: CellSweep(claims=1, dead=2, drained=3))
    assert run("gc") == (0, "freed 1 claims, 2 dead cells, 3 drained slots\n", "")
