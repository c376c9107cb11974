# SPDX-License-Identifier: Apache-2.0
"""docs/threat-model.md: what stands against an attempt is shown by tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]
TEXT = (TESTS.parent / "docs/threat-model.md").read_text()
TABLE = TEXT.split("\n## What stands against it\n")[1].strip().split("\n\n")[0]
ROWS = [line.strip("| ").split(" | ") for line in TABLE.splitlines()[2:]]


def named(text: str) -> list[str]:
    """Return the ``file::test`` names in a text."""
    return re.findall(r"`(\S+\.py::\S+)`", text)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].replace("*", "")[:40])
def test_each_row_has_a_test(row: list[str]) -> None:
    assert len(row) == 3
    assert named(row[2])


@pytest.mark.parametrize("name", sorted(set(named(TEXT))))
def test_each_test_exists(name: str) -> None:
    file, _, test = name.partition("::")
    tree = ast.parse((TESTS / file).read_text())
    assert test in {node.name for node in tree.body if hasattr(node, "name")}
