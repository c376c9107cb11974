# SPDX-License-Identifier: Apache-2.0
"""docs/failure-modes.md: all modes are there, and the tests that it names."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]
TEXT = (TESTS.parent / "docs/failure-modes.md").read_text()
ROWS = [line.strip("| ").split(" | ") for line in TEXT.splitlines() if re.match(r"\| \d+ \|", line)]
MODES = 28


def named(text: str) -> list[str]:
    """Return the ``file::test`` names in a text."""
    return re.findall(r"`(\S+\.py::\S+)`", text)


def functions(file: Path) -> set[str]:
    return {node.name for node in ast.parse(file.read_text()).body if hasattr(node, "name")}


def test_each_mode_has_a_row() -> None:
    assert [int(row[0]) for row in ROWS] == list(range(1, MODES + 1))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_each_row_has_a_test_or_says_why_it_cannot_occur(row: list[str]) -> None:
    assert named(" ".join(row)) or "Cannot occur: " in row[2]


@pytest.mark.parametrize("name", sorted(set(named(TEXT))))
def test_each_test_exists(name: str) -> None:
    file, _, test = name.partition("::")
    assert test.startswith("test_")
    assert test in functions(TESTS / file)
