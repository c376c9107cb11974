# SPDX-License-Identifier: Apache-2.0
"""``ocihook cells release``: take a cell from its container."""

from dataclasses import asdict

import typer

from ocihook.cli import output
from ocihook.sched.cell_release import Released, release_cell


def release(
    which: str = typer.Argument(help="A cell's number or name, or the beginning of a container id"),
    as_json: bool = typer.Option(
        False, "--json", help="Print JSON (schemas/cell-release.schema.json)."
    ),
) -> None:
    """Free a cell. Its container runs on, as part of the host: without weight, own CPUs or quota.

    Its CPUs are for others at once. The mark on the cgroup goes, too, so that neither a reload nor
    a new start of the scheduler brings the cell back; the next start of the container does.

    Of a cell that several containers share, a container's id takes that one out; the cell's number
    or name takes out all of them, and the cell ends.
    """
    done = release_cell(which)
    for warning in done.warnings:
        output.complain(warning)
    if as_json:
        output.show_json(asdict(done))
    else:
        output.say(_described(done))


def _described(done: Released) -> str:
    names = ", ".join(output.printable(home["container"]) for home in done.released)
    if done.left:
        return f"cell {done.cell}: {names} released, {done.left} left in it"
    return f"cell {done.cell}: released, {names} runs as the host's now"


def add_to(app: typer.Typer) -> None:
    """Add the command to the group ``cells``."""
    app.command("release")(release)
