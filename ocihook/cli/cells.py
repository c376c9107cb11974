# SPDX-License-Identifier: Apache-2.0
"""``ocihook cells``: every live cell, as a table or as JSON; ``ocihook gc``."""

import typer

from ocihook._bpf.pinned import sweep
from ocihook.cli import output
from ocihook.sched.cells import list_cells

NS_PER_S = 1_000_000_000

COLUMNS = (
    ("CELL", True),
    ("NAME", False),
    ("CONTAINER", False),
    ("STATE", False),
    ("WEIGHT", True),
    ("CPUS", False),
    ("TASKS", True),
    ("RUN", True),
    ("CGROUP", False),
)

AS_JSON = typer.Option(False, "--json", help="Print JSON (schemas/cells.schema.json).")

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
    """List the cells: cell 0 is the host, every other one a container."""
    found = list_cells()
    if as_json:
        output.show_json(found)
        return
    rows = [
        [
            str(cell["cell"]),
            cell["name"],
            cell["container"][:12],
            cell["state"],
            str(cell["weight"]),
            cell["cpus"],
            str(cell["tasks"]),
            f"{cell['run_ns'] / NS_PER_S:.1f} s",
            cell["cgroup"] or "(gone)",
        ]
        for cell in found
    ]
    output.show_table(COLUMNS, rows)


def collect() -> None:
    """Free what was left behind: abandoned claims, cells without a cgroup, drained slots."""
    swept = sweep()
    output.say(
        f"freed {swept.claims} claims, {swept.dead} dead cells, {swept.drained} drained slots"
    )


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file that belong to no group."""
    app.command("gc")(collect)
