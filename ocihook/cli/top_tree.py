# SPDX-License-Identifier: Apache-2.0
"""The tree of cgroups on the screen of ``ocihook top``: a line for each that is busy or a cell."""

from collections.abc import Iterator
from typing import Any

from ocihook.cli.output import percent, printable, quota, short_ids
from ocihook.cli.top_columns import line
from ocihook.cli.top_view import View
from ocihook.sched.cell_tree import flat, name_of, without_idle

WIDE_COLUMNS = 100
"""From here on there is room for the names of cells."""

_WIDTHS = {
    "CELL": 5, "CGROUP": 20, "NAME": 20, "WEIGHT": 6, "QUOTA": 6, "PROMISED": 8, "GOT": 5,
    "RUNNABLE": 8,
}  # fmt: skip
_LEFT = frozenset(("CGROUP", "NAME"))
_INDENT = "  "


def tree_heading(columns: int) -> str:
    """Return the line above the tree."""
    return line({name: name for name in _WIDTHS}, _widths(columns), _LEFT)


def tree_lines(document: dict[str, Any] | None, view: View, columns: int) -> list[str]:
    """Return a line for each cgroup of a document of ``cell_tree``; none before there is one.

    Siblings are in the order of what they got. Below are the cells that several cgroups share, and
    those whose cgroup is gone: the sums above have them.
    """
    if document is None:
        return []
    widths = _widths(columns)
    return [line(values, widths, _LEFT) for values in _rows(document, view)]


def _rows(document: dict[str, Any], view: View) -> Iterator[dict[str, str]]:
    root, _ = without_idle(document["root"])
    for depth, passed, node in flat(root, lambda each: -each["got_cpus"]):
        path = "/".join(name_of(each) for each in (*passed, node))
        entry = node["cells"][-1] if node["cells"] else {}
        yield {
            **_cell(entry, view),
            "CGROUP": _INDENT * depth + printable(short_ids(path)),
            "WEIGHT": "idle" if node["cpu_idle"] else str(node["weight"] or "-"),
            "QUOTA": quota(node["quota"]),
            **_figures(node),
            "RUNNABLE": str(node["runnable"]),
        }
    for kind in ("shared", "gone"):
        for entry in document[kind]:
            yield {
                **_cell(entry, view),
                "CGROUP": f"({kind}) {printable(entry['name'])}",
                "WEIGHT": str(entry["weight"]),
                "QUOTA": "-",
                **_figures(entry),
                "RUNNABLE": "-",
            }


def _cell(entry: dict[str, Any], view: View) -> dict[str, str]:
    if not entry:
        return {"CELL": "", "NAME": ""}
    cell, live = entry["cell"], entry["state"] == "live"
    return {
        "CELL": f"{view.letters.get(cell, ' ')}{cell:>4}",
        "NAME": printable(entry["name"]) if live else f"({entry['state']})",
    }


def _figures(of: dict[str, Any]) -> dict[str, str]:
    return {"PROMISED": percent(of["promised_cpus"] or 0), "GOT": percent(of["got_cpus"])}


def _widths(columns: int) -> dict[str, int]:
    widths = dict(_WIDTHS)
    if columns < WIDE_COLUMNS:
        del widths["NAME"]
    spare = columns - sum(widths.values()) - len(widths) + 1
    widths["CGROUP"] = max(widths["CGROUP"] + spare, 1)
    return widths
