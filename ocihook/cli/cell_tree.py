# SPDX-License-Identifier: Apache-2.0
"""``ocihook cells tree``: the cgroups that have cells, as a tree with columns beside it."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from ocihook.cli import output
from ocihook.sched.cell_tree import cell_tree, collapse, name_of
from ocihook.sched.cells import list_cells
from ocihook.sched.waits import as_text

NS_PER_S = 1_000_000_000
WIDE_COLUMNS = 100
"""From here on there is room for tasks and waits, and for more air."""

NAME_COLUMNS, WIDE_NAME_COLUMNS = 12, 24
"""What a name may take of a terminal: 12 is what a cell without one gets of its container's id."""

ID_CHARS = 12
"""Of a container's id: what podman shows of it."""

_ID = re.compile(r"[0-9a-f]{64}")
_STATE_STYLES = {"draining": "yellow", "claiming": "yellow", "gone": "red"}
_HEADINGS = ("CGROUP", "CELL", "NAME", "STATE", "WEIGHT", "CPUS", "OWN", "RUN")
_WIDE_HEADINGS = (*_HEADINGS, "TASKS", "WAIT P99")
_RIGHT = frozenset(("CELL", "WEIGHT", "RUN", "TASKS", "WAIT P99"))
_SHRINK = frozenset(("CGROUP", "NAME", "CPUS", "OWN"))

_Row = tuple[str, ...]
"""What stands beside a line of a tree, from CELL to TASKS, or the beginning of it."""

_NOTHING: _Row = ()


def show_tree(
    as_json: bool = typer.Option(
        False, "--json", help="Print JSON (schemas/cell-tree.schema.json)."
    ),
) -> None:
    """Show the cells in the tree of cgroups.

    Cgroups between cells are dim, and rows of them are one line. Cells that several cgroups share,
    and cells whose cgroup is gone, stand below the tree.
    """
    rows = list_cells()
    document = cell_tree(rows)
    if as_json:
        output.show_json(document)
    else:
        waits = {row["cell"]: as_text(row["waits"], 99) for row in rows}
        output.show(_table(document, waits, output.columns()))


def _table(document: dict[str, Any], waits: dict[int, str], columns: int) -> Table:
    wide = columns >= WIDE_COLUMNS
    table = Table(box=None, pad_edge=False, padding=(0, 1), collapse_padding=not wide)
    headings = _WIDE_HEADINGS if wide else _HEADINGS
    name_columns = WIDE_NAME_COLUMNS if wide else NAME_COLUMNS
    if columns == output.UNLIMITED_COLUMNS:
        name_columns = columns
    for heading in headings:
        table.add_column(
            heading,
            justify="right" if heading in _RIGHT else "left",
            no_wrap=heading not in _SHRINK,
            max_width=name_columns if heading == "NAME" else None,
        )
    for tree, rows in _trees(document):
        for line, row in zip(_lines(tree), rows, strict=True):
            values = [*row, waits[int(row[0])]] if len(row) == len(_HEADINGS) else row
            style = _STATE_STYLES.get(row[2], "") if row else ""
            cells = [_one_line(value, style) for value in values]
            table.add_row(line, *cells[: len(headings) - 1])
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
            branch.add(_one_line(member["container"][:ID_CHARS], "dim"))
            rows.append(_NOTHING if member["cgroup"] else ("", "", "gone"))
    return tree, rows


def _gone(entries: Sequence[dict[str, Any]]) -> tuple[Tree, list[_Row]]:
    tree, rows = Tree(Text("(gone)", "dim")), [_NOTHING]
    for entry in entries:
        tree.add(_one_line(entry["container"][:ID_CHARS] or entry["name"]))
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
    return [
        (str(entry["cell"]), entry["name"], "shared")
        if entry["shared"]
        else _cells(entry, entry["state"])
        for entry in node["cells"]
    ] or [_NOTHING]


def _label(passed: Sequence[dict[str, Any]], node: dict[str, Any]) -> Text:
    """Return a node's name behind those passed on the way, on a line for each of its cells."""
    names = [_shorten(name_of(each)) for each in passed]
    above = "".join(f"{name}/" for name in (names if len(names) < 2 else (names[0], "…")))
    name = output.printable(_shorten(name_of(node)))
    further = "\n" * (len(node["cells"]) - 1)
    return Text.assemble(
        (output.printable(above), "dim"),
        (name, "" if node["cells"] else "dim"),
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


def _cells(entry: dict[str, Any], state: str) -> _Row:
    run_s = entry["run_ns"] / NS_PER_S
    return (
        str(entry["cell"]),
        entry["name"],
        state,
        str(entry["weight"]),
        entry["cpus"] or "-",
        entry["own_cpus"] or "-",
        f"{run_s:.1f} s" if run_s < 1000 else f"{run_s:.0f} s",
        str(entry["tasks"]),
    )


def _one_line(text: str, style: str = "") -> Text:
    return Text(output.printable(text), style, no_wrap=True, overflow="ellipsis")


def _shorten(name: str) -> str:
    """Write container ids as podman shows them."""
    return _ID.sub(lambda found: f"{found[0][:ID_CHARS]}…", name)


def add_to(app: typer.Typer) -> None:
    """Add the command to the group ``cells``."""
    app.command("tree")(show_tree)
