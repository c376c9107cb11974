# SPDX-License-Identifier: Apache-2.0
"""The document of a run as lines for a terminal or a log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

PARTS = ("part", "seconds", "change", "tests", "failed", "fixed waits")
SLOWEST = ("seconds", "fixed waits", "part", "test")


def lines(document: dict[str, Any], before: dict[str, Any] | None) -> Iterator[str]:
    """Yield the table of parts and that of the slowest tests.

    :param before: the document of the run before; compared if it had the same arguments
    """
    if before is not None and before["arguments"] != document["arguments"]:
        before = None
    earlier_s = {part["name"]: part["duration_s"] for part in (before or document)["parts"]}
    parts = document["parts"]
    waits = [part["fixed_waits_s"] for part in parts if part["fixed_waits_s"] is not None]
    whole = {
        "name": "the whole run",
        "duration_s": document["duration_s"],
        "tests": sum(part["tests"] for part in parts),
        "failed": sum(part["failed"] for part in parts),
        "fixed_waits_s": sum(waits) if waits else None,
    }
    earlier_s[whole["name"]] = (before or document)["duration_s"]
    rows = [
        (
            part["name"],
            _seconds(part["duration_s"]),
            _difference(part["duration_s"], earlier_s.get(part["name"])) if before else "",
            str(part["tests"] or ""),
            str(part["failed"] or ""),
            _seconds(part["fixed_waits_s"]),
        )
        for part in [*parts, whole]
    ]
    yield from _table(PARTS, rows, left=(0,))
    if waits:
        yield "Guests run beside other tests: the parts add up to more than the whole."
    if document["slowest"]:
        yield ""
        yield "The slowest tests:"
        slowest = [
            (_seconds(one["duration_s"]), _seconds(one["fixed_waits_s"]), one["part"], one["name"])
            for one in document["slowest"]
        ]
        yield from _table(SLOWEST, slowest, left=(2, 3))


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _difference(value: float, earlier: float | None) -> str:
    return "new" if earlier is None else f"{value - earlier:+.1f}"


def _table(
    head: Sequence[str], rows: Sequence[Sequence[str]], left: tuple[int, ...]
) -> Iterator[str]:
    columns = list(zip(head, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    for row in (head, *rows):
        cells = [
            text.ljust(width) if i in left else text.rjust(width)
            for i, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
