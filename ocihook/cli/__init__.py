# SPDX-License-Identifier: Apache-2.0
"""The command ``ocihook``. The only place that prints; only ``ocihook.manual`` knows typer, too."""

import sys
from typing import NoReturn

import typer

from ocihook import __version__
from ocihook.cli import (
    bundle,
    cell_release,
    cell_set,
    cell_tree,
    cells,
    completion,
    config,
    doctor,
    install,
    metrics,
    output,
    record,
    scheduler,
    top,
    validate,
    version,
)
from ocihook.errors import OcihookError

app = typer.Typer(
    name="ocihook",
    help="A cell of CPU time for every container, in one sched_ext scheduler.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(scheduler.app, name="scheduler")
app.add_typer(cells.app, name="cells")
app.add_typer(config.app, name="config")
app.add_typer(bundle.app, name="bundle")
cell_set.add_to(cells.app)
cell_release.add_to(cells.app)
cell_tree.add_to(cells.app)
cells.add_to(app)
install.add_to(app)
validate.add_to(app)
metrics.add_to(app)
version.add_to(app)
doctor.add_to(app)
top.add_to(app)
record.add_to(app)


def _version(wanted: bool) -> None:
    if wanted:
        output.say(f"ocihook {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version and exit."
    ),
) -> None:
    pass


def main() -> NoReturn:
    """Run the command line; an error becomes one line on stderr and its documented exit code."""
    completion.answer_if_asked()
    try:
        try:
            app()
        finally:
            output.flush()
    except OcihookError as error:
        output.complain(str(error))
        sys.exit(error.exit_code)
    except OSError as error:
        output.give_up(error)
    sys.exit(0)
