# SPDX-License-Identifier: Apache-2.0
"""``ocihook cells tree``: the cgroups as a tree, with cells and figures in columns beside it."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from ocihook.cli import output
from ocihook.sched.cell_tree import cell_tree, collapse, name_of, without_idle
from ocihook.sched.cells import list_cells
from ocihook.sched.cgroup_paths import CgroupPaths
from ocihook.sched.tables import Tables
from ocihook.sched.usage import usage
from ocihook.sched.waits import as_text

NS_PER_S = 1_000_000_000
INTERVAL_S = 1.0

WIDE_COLUMNS = 100
"""From here on there is room for CPUs, and for more air."""

NAME_COLUMNS, WIDE_NAME_COLUMNS = 12, 16
"""What a name may take of a terminal: 12 is what a cell without one gets of its container's id."""

_STATE_STYLES = {"draining": "yellow", "claiming": "yellow", "gone": "red"}
_HEADINGS = (
    "CGROUP", "CELL", "NAME", "STATE", "WEIGHT", "QUOTA", "PROMISED", "GOT", "CPUS", "OWN", "RUN",
    "TASKS", "WAIT P99",
)  # fmt: skip
_NARROW = ("CGROUP", "CELL", "NAME", "WEIGHT", "QUOTA", "PROMISED", "GOT")
_WIDE = _HEADINGS[: _HEADINGS.index("TASKS")]
"""Those that a terminal has; a pipe has all."""

_LEFT = frozenset(("CGROUP", "NAME", "STATE", "CPUS", "OWN"))
_SHRINK = frozenset(("CGROUP", "NAME", "CPUS", "OWN"))

_Row = tuple[str, ...]
"""What stands beside a line of a tree, from CELL to WAIT P99, or the beginning of it."""

_NOTHING: _Row = ()


def show_tree(
    every: bool = typer.Option(False, "--all", "-a", help="Also cgroups that are idle."),
    interval: float = typer.Option(
        INTERVAL_S, "--interval", "-i", metavar="SECONDS", min=0.1, help="To measure GOT in."
    ),
    as_json: bool = typer.Option(
        False, "--json", help="Print JSON with all cgroups (schemas/cell-tree.schema.json)."
    ),
) -> None:
    """Show the tree of cgroups: the cells, and the services and slices of the host.

    PROMISED and GOT are in percent of one CPU, summed over all that lies at and below a cgroup.
    PROMISED is what those that are busy are due at least while they stay so, by weights and limits
    at each level; of an idle cgroup, what it would get if it became busy. The session that the
    command runs in counts as busy. QUOTA is the limit of the cgroup itself, WEIGHT what it has
    beside its siblings; idle: cpu.idle is set.

    Cgroups without a cell that were idle are left out, and a row of those of which there is nothing
    to tell is one line. Cells that several cgroups share, and cells whose cgroup is gone, stand
    below the tree; the sums above have them.
    """
    rows = list_cells()
    with Tables() as tables:
        before = tables.read()
        time.sleep(interval)
        seen = usage(before, tables.read(), nodes=True)
    cgroups = CgroupPaths()
    document = cell_tree(rows, seen, cgroups.of(seen.nodes), cgroups.idle(seen.nodes))
    if as_json:
        output.show_json(document)
        return
    left_out = 0
    if not every:
        document["root"], left_out = without_idle(document["root"])
    waits = {row["cell"]: as_text(row["waits"], 99) for row in rows}
    output.show(_table(document, waits, output.columns()))
    if left_out:
        output.say(f"idle cgroups not shown: {left_out} (--all shows them)")


def _table(document: dict[str, Any], waits: dict[int, str], columns: int) -> Table:
    wide = columns >= WIDE_COLUMNS
    table = Table(box=None, pad_edge=False, padding=(0, 1), collapse_padding=not wide)
    headings: Sequence[str] = _WIDE if wide else _NARROW
    name_columns = WIDE_NAME_COLUMNS if wide else NAME_COLUMNS
    if columns == output.UNLIMITED_COLUMNS:
        name_columns, headings = columns, _HEADINGS
    for heading in headings:
        table.add_column(
            heading,
            justify="left" if heading in _LEFT else "right",
            no_wrap=heading not in _SHRINK,
            max_width=name_columns if heading == "NAME" else None,
        )
    for tree, rows in _trees(document):
        for line, row in zip(_lines(tree), rows, strict=True):
            whole = len(row) == len(_HEADINGS) - 2
            values = [*row, waits[int(row[0])]] if whole else row
            style = _STATE_STYLES.get(row[2], "") if row else ""
            beside = dict(zip(_HEADINGS[1:], values, strict=False))
            if "STATE" not in headings and beside.get("STATE", "live") not in ("live", ""):
                beside["NAME"] = f"({beside['STATE']})"
            shown = (beside.get(heading, "") for heading in headings[1:])
            table.add_row(line, *(_one_line(value, style) for value in shown))
    return table


def _trees(document: dict[str, Any]) -> Iterator[tuple[Tree, list[_Row]]]:
    """Yield each tree, with what stands beside its lines."""
    yield _cgroups(document["root"])
    if document["shared"]:
        yield _shared(document["shared"])
    if document["gone"]:
        yield _gone(document["gone"])


def _shared(entries: Sequence[dict[str, Any]]) -> tuple[Tree, list[_Row]]:
    tree, rows = Tree(Text("(shared)", "dim")), [_NOTHING]
    for entry in entries:
        branch = tree.add(_one_line(entry["name"]))
        rows.append(_cells(entry, entry["state"]))
        for member in entry["members"]:
            branch.add(_one_line(member["container"][: output.ID_CHARS], "dim"))
            rows.append(_NOTHING if member["cgroup"] else ("", "", "gone"))
    return tree, rows


def _gone(entries: Sequence[dict[str, Any]]) -> tuple[Tree, list[_Row]]:
    tree, rows = Tree(Text("(gone)", "dim")), [_NOTHING]
    for entry in entries:
        tree.add(_one_line(entry["container"][: output.ID_CHARS] or entry["name"]))
        # A live one is freed by the next sweep.
        rows.append(_cells(entry, "gone" if entry["state"] == "live" else entry["state"]))
    return tree, rows


def _cgroups(root: dict[str, Any]) -> tuple[Tree, list[_Row]]:
    rows: list[_Row] = []

    def add(to: Tree, nodes: Sequence[dict[str, Any]]) -> None:
        for each in nodes:
            passed, node = collapse(each)
            rows.extend(_beside(node))
            add(to.add(_label(passed, node)), node["below"])

    rows.extend(_beside(root))
    tree = Tree(_label([], root))
    add(tree, root["below"])
    return tree, rows


def _beside(node: dict[str, Any]) -> list[_Row]:
    # The numbers of a shared cell are those of all its cgroups: they stand where it does, once.
    rows = [
        (str(entry["cell"]), entry["name"], "shared")
        if entry["shared"]
        else _cells(entry, entry["state"], node if len(node["cells"]) == 1 else None)
        for entry in node["cells"]
    ]
    if rows:
        return rows
    return [("", "", "", _weight(node, node["weight"]), *_figures(node, node))]


def _label(passed: Sequence[dict[str, Any]], node: dict[str, Any]) -> Text:
    """Return a node's name behind those passed on the way, on a line for each of its cells."""
    names = [output.short_ids(name_of(each)) for each in passed]
    above = "".join(f"{name}/" for name in (names if len(names) < 2 else (names[0], "…")))
    name = output.printable(output.short_ids(name_of(node)))
    further = "\n" * (len(node["cells"]) - 1)
    return Text.assemble(
        (output.printable(above), "dim"),
        (name, "" if node["cells"] or node["busy"] else "dim"),
        further,
        no_wrap=True,
    )


def _lines(tree: Tree) -> list[Text]:
    """Return the lines of a tree, guides and all, to be put beside columns."""
    console = Console(width=output.UNLIMITED_COLUMNS)
    return [
        Text.assemble(
            *((segment.text, segment.style or "") for segment in line),
            no_wrap=True,
            overflow="ellipsis",
        )
        for line in console.render_lines(tree, pad=False)
    ]


def _cells(entry: dict[str, Any], state: str, node: dict[str, Any] | None = None) -> _Row:
    """Return the row of a cell; with its cgroup's sums if it is the only cell of that one."""
    run_s = entry["run_ns"] / NS_PER_S
    return (
        str(entry["cell"]),
        entry["name"],
        state,
        _weight(node, entry["weight"]),
        *_figures(node, node or entry),
        entry["cpus"] or "-",
        entry["own_cpus"] or "-",
        f"{run_s:.1f} s" if run_s < 1000 else f"{run_s:.0f} s",
        str(entry["tasks"]),
    )


def _weight(node: dict[str, Any] | None, weight: int | None) -> str:
    if node and node["cpu_idle"]:
        return "idle"
    if node and node["cgroup"] == "/":
        return "-"  # it has no siblings
    return str(weight or "-")


def _figures(node: dict[str, Any] | None, of: dict[str, Any]) -> _Row:
    return (
        output.quota(node["quota"] if node else None),
        output.percent(of["promised_cpus"] or 0),
        output.percent(of["got_cpus"]),
    )


def _one_line(text: str, style: str = "") -> Text:
    return Text(output.printable(text), style, no_wrap=True, overflow="ellipsis")


def add_to(app: typer.Typer) -> None:
    """Add the command to the group ``cells``."""
    app.command("tree")(show_tree)
