# SPDX-License-Identifier: Apache-2.0
"""The screen of ``ocihook top`` as lines.

By hand: rich takes 10 ms for such a table, which every three seconds is a third of a percent of a
CPU.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ocihook.cli.output import percent, printable
from ocihook.cli.top_columns import cut, line
from ocihook.cli.top_tree import tree_heading, tree_lines
from ocihook.cli.top_view import ORDERS, View
from ocihook.sched.counts import CpuUsage
from ocihook.sched.usage import CellUsage, Usage
from ocihook.sched.waits import as_text

WIDE_COLUMNS = 100
"""From here on there is room for the weight."""

NAME_COLUMNS, WIDE_NAME_COLUMNS = 13, 40
STRIP_COLUMNS = 24
"""The least that a CPU's strip takes, so that three fit 80 columns."""

STRIP_LINES = 8
"""What all strips take at most, or a third of a screen where that is more; a file has them all."""

IDLE = "."
KEYS = "q quit  t tree  left/right sort  r reverse  space pause  up/down scroll"
NS_PER_S = 1_000_000_000

_WIDTHS = {
    "CELL": 5, "NAME": NAME_COLUMNS, "WEIGHT": 6, "PROMISED": 8, "GOT": 5, "P50": 6, "P99": 6,
    "THROTTLED": 9, "BORROW": 6, "LENT": 5, "RUNNABLE": 8,
}  # fmt: skip
_LEFT = frozenset(("NAME",))
_BOLD, _REVERSE, _END = "\x1b[1m", "\x1b[7m", "\x1b[0m"


def screen(
    usage: Usage,
    view: View,
    columns: int,
    lines: int | None = None,
    colours: bool = False,
    tree: dict[str, Any] | None = None,
) -> list[str]:
    """Return the lines for a screen of so many columns, ``lines`` at most; None for all rows.

    ``tree`` is the document of ``cell_tree`` for a view that wants the tree.
    """
    view.name_letters(usage)
    head = [_title(usage, view, columns), *_strips(usage.cpus, view, columns, lines, colours), ""]
    rows: Sequence[Any] = tree_lines(tree, view, columns) if view.tree else view.rows(usage)
    heading, write = (tree_heading(columns), str) if view.tree else _cells(view, columns)
    heading = cut(heading, columns)
    head.append(f"{_REVERSE}{heading.ljust(columns)}{_END}" if colours else heading)
    if lines is None:
        return [*head, *(cut(write(row), columns) for row in rows)]
    room = page(usage, columns, lines)
    view.first = min(view.first, max(len(rows) - room, 0))
    body = [cut(write(row), columns) for row in rows[view.first : view.first + room]]
    foot = cut(view.message or KEYS, columns)
    return [*head, *body, *[""] * (room - len(body)), foot][:lines]


def _cells(view: View, columns: int) -> tuple[str, Callable[[Any], str]]:
    """Return the heading above the cells, and what writes the line of one."""
    widths = _widths(columns)
    heading = line({name: name for name in ORDERS}, widths, _LEFT)
    return heading, lambda row: _row(row, view, widths)


def page(usage: Usage, columns: int, lines: int) -> int:
    """Return how many rows of cells a screen has."""
    strips = sum(1 for _ in _strips(usage.cpus, View(), columns, lines, False))
    return max(lines - strips - 4, 1)


def _title(usage: Usage, view: View, columns: int) -> str:
    got = [row.got for row in usage.cells if row.got]
    left = (
        f"ocihook top  {len(usage.cpus)} CPUs, {sum(got) * 100:.0f}% of one used  "
        f"{len(usage.cells)} cells, {len(got)} ran"
    )
    order = f"by {view.order}{' reversed' if view.reverse else ''}"
    shown = "as a tree" if view.tree else order
    right = f"{'paused  ' if view.paused else ''}{usage.interval_ns / NS_PER_S:.1f} s {shown}"
    return cut(f"{left}  {right:>{max(columns - len(left) - 2, 0)}}", columns)


def _strips(
    cpus: list[CpuUsage], view: View, columns: int, lines: int | None, colours: bool
) -> Iterator[str]:
    """Yield lines that show whose cell had each CPU, in proportion to the time."""
    room = max(STRIP_LINES, (lines or 0) // 3)
    beside = min(max(columns // STRIP_COLUMNS, 1), -(-len(cpus) // room) or 1)
    width = columns // beside
    shown = cpus if lines is None else cpus[: beside * room]
    for at in range(0, len(shown), beside):
        yield "".join(
            _strip(cpu, view, width - (1 if beside > 1 else 0), colours)
            + (" " if beside > 1 else "")
            for cpu in shown[at : at + beside]
        )
    if len(cpus) > len(shown):
        yield f"and {len(cpus) - len(shown)} more CPUs"


def _strip(cpu: CpuUsage, view: View, width: int, colours: bool) -> str:
    room = max(width - 4 - 1 - 1 - 4, 1)
    bar, until, filled = [], 0.0, 0
    for cell, part in cpu.parts:
        until = min(until + part, 1.0)
        letter = view.letters.get(cell, IDLE)
        text = letter * (round(until * room) - filled)
        filled += len(text)
        bar.append(f"\x1b[{31 + ord(letter) % 6}m{text}{_END}" if colours and text else text)
    return f"{cpu.cpu:>4} {''.join(bar)}{IDLE * (room - filled)} {cpu.busy * 100:>3.0f}%"


def _widths(columns: int) -> dict[str, int]:
    widths = dict(_WIDTHS)
    if columns < WIDE_COLUMNS:
        del widths["WEIGHT"]
    spare = columns - sum(widths.values()) - len(widths) + 1
    widths["NAME"] = min(max(widths["NAME"] + spare, 1), WIDE_NAME_COLUMNS)
    return widths


def _row(row: CellUsage, view: View, widths: dict[str, int]) -> str:
    values = {
        "CELL": f"{view.letters.get(row.cell, ' ')}{row.cell:>4}",
        "NAME": printable(row.name) if row.state == "live" else f"({row.state})",
        "WEIGHT": str(row.weight),
        "PROMISED": percent(row.promised),
        "GOT": percent(row.got),
        "P50": as_text(row.waits, 50).replace(" ", ""),
        "P99": as_text(row.waits, 99).replace(" ", ""),
        "THROTTLED": f"{row.throttled_ns / 1e6:.0f}ms" if row.throttled_ns else "-",
        "BORROW": percent(row.borrowed),
        "LENT": percent(row.lent),
        "RUNNABLE": str(row.runnable),
    }
    return line(values, widths, _LEFT)
