# SPDX-License-Identifier: Apache-2.0
"""Text that is not ours is taken apart by what the kernel or the format says, not by Unicode.

A mount point with a carriage return in its name was two lines to Python, and ended commands.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

UNICODE = {"splitlines", "isspace", "readlines"}
"""These go by what Unicode, or open(), takes for a line's end or a blank."""

OF_OURS = {"cli", "manual"}
"""Packages that take our own text apart, for a terminal or a page."""


def by_unicode(source: str) -> Iterator[str]:
    """Yield calls that take text apart by Unicode, or translate line ends while they read."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(attr=name) if name in UNICODE:
                yield name
            case ast.Call(
                func=ast.Attribute(attr="split" | "rsplit" as name), args=[], keywords=[]
            ):
                yield f"{name}()"


def test_no_text_is_taken_apart_by_unicode() -> None:
    files = [
        path
        for path in (ROOT / "ocihook").rglob("*.py")
        if not OF_OURS & set(path.relative_to(ROOT / "ocihook").parts)
    ]
    assert len(files) > 100
    found = {str(path.relative_to(ROOT)): list(by_unicode(path.read_text())) for path in files}
    assert {path: calls for path, calls in found.items() if calls} == {}


@pytest.mark.parametrize(
    ("source", "calls"),
    [
        ("text.splitlines()", ["splitlines"]),
        ("map(str.isspace, text)", ["isspace"]),
        ("a.read_text().split()[0]", ["split()"]),
        ('text.split("\\n"), text.rsplit(" ", 1)', []),
    ],
)
def test_such_a_call_is_found(source: str, calls: list[str]) -> None:
    assert list(by_unicode(source)) == calls
