# SPDX-License-Identifier: Apache-2.0
"""``ocihook metrics``: Prometheus text, to a file of the textfile collector or to the terminal."""

import sys
from pathlib import Path

import typer

from ocihook.cli import output
from ocihook.install import files
from ocihook.metrics.collect import collect

FILE_MODE = 0o644
"""node_exporter does not run as root."""


TO = typer.Option(
    None,
    "--output",
    "-o",
    metavar="FILE",
    help="Write FILE, a name with .prom at its end, at once.",
)


def metrics(to: Path | None = TO) -> None:
    """Print metrics as Prometheus text, for the textfile collector of node_exporter.

    Without a scheduler they say just that (ocihook_scheduler_up 0), and the exit code is 0.
    """
    if to is not None and to.suffix != ".prom":
        raise typer.BadParameter(f"{to}: the textfile collector reads names that end with .prom")
    text = collect()
    if to is not None:
        files.replace(to, text.encode(), FILE_MODE)
    elif sys.stdout.isatty():
        for line in text.removesuffix("\n").split("\n"):
            output.say(line)
    else:  # UTF-8, whatever the locale is
        sys.stdout.buffer.write(text.encode())


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(metrics)
