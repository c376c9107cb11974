# SPDX-License-Identifier: Apache-2.0
"""``ocihook cells``: every cell as a table or as JSON, or all about one; ``ocihook gc``."""

from typing import Any

import typer

from ocihook._bpf.pinned import sweep
from ocihook.cli import output
from ocihook.cli.cell_show import cell_pairs
from ocihook.sched.cells import list_cells
from ocihook.sched.pins import explained
from ocihook.sched.waits import as_text
from ocihook.sched.which import find_cell

NS_PER_S = 1_000_000_000
COLUMNS = (
    ("CELL", True),
    ("NAME", False),
    ("CONTAINER", False),
    ("STATE", False),
    ("WEIGHT", True),
    ("CPUS", False),
    ("OWN", False),
    ("QUOTA", True),
    ("TASKS", True),
    ("RUN", True),
    ("WAIT P99", True),
)
"""What fits 100 characters with names of 12: where the cgroup is, ``show`` tells."""

AS_JSON = typer.Option(False, "--json", help="Print JSON (schemas/cells.schema.json).")
SWEEP_JSON = typer.Option(False, "--json", help="Print JSON (schemas/sweep.schema.json).")

app = typer.Typer(help="Look at the cells; alone, list them.")


@app.callback(invoke_without_command=True)
def cells(context: typer.Context, as_json: bool = AS_JSON) -> None:
    """List the cells, or run the command that is named."""
    if context.invoked_subcommand is None:
        show_list(as_json)
    elif as_json:
        raise typer.BadParameter(f"write it behind {context.invoked_subcommand}")


@app.command("list")
def show_list(as_json: bool = AS_JSON) -> None:
    """List the cells: cell 0 is the host, every other one a container, or several that share it.

    Services and slices of the host, pods, and cgroups inside containers are in ocihook cells tree.
    """
    found = list_cells()
    if as_json:
        output.show_json(found)
    else:
        output.show_table(COLUMNS, [_row(cell) for cell in found])


@app.command("show")
def show_one(
    which: str = typer.Argument(help="A cell's number or name, or the beginning of a container id"),
    as_json: bool = AS_JSON,
) -> None:
    """Show all about one cell: what it may use, what it used, how long its tasks waited."""
    cell = find_cell(list_cells(), which)
    if as_json:
        output.show_json([cell])
    else:
        output.show_pairs(cell_pairs(cell))


def _row(cell: dict[str, Any]) -> list[str]:
    containers = [member["container"] for member in cell["members"]] or [cell["container"]]
    run_s = cell["run_ns"] / NS_PER_S
    return [
        str(cell["cell"]),
        cell["name"],
        ", ".join(container[: output.ID_CHARS] for container in containers),
        cell["state"],
        str(cell["weight"]),
        cell["cpus"],
        cell["own_cpus"] or "-",
        output.quota(cell["quota"]),
        str(cell["tasks"]),
        f"{run_s:.1f} s" if run_s < 1000 else f"{run_s:.0f} s",
        as_text(cell["waits"], 99),
    ]


def collect(as_json: bool = SWEEP_JSON) -> None:
    """Free what was left behind: abandoned claims, cells without a cgroup, drained slots."""
    with explained():
        swept = sweep()
    if as_json:
        document = {"claims": swept.claims, "dead": swept.dead, "drained": swept.drained}
        output.show_json(document)
        return
    output.say(
        f"freed {swept.claims} claims, {swept.dead} dead cells, {swept.drained} drained slots"
    )


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file that belong to no group."""
    app.command("gc")(collect)
