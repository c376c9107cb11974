# SPDX-License-Identifier: Apache-2.0
"""``ocihook validate``: what is wrong with a bundle, a state, annotations, a file of hooks.d."""

import os
from pathlib import Path
from typing import Any

import typer

from ocihook.cli import output
from ocihook.validate.kinds import KINDS

PATH = typer.Argument(metavar="BUNDLE|FILE", help="A bundle's directory, or a JSON file.")


def validate(
    path: Path = PATH,
    kind: str | None = typer.Option(
        None, metavar="KIND", help=f"One of {', '.join(KINDS)}; else the content says it."
    ),
    as_json: bool = typer.Option(
        False, "--json", help="Print JSON (schemas/validation.schema.json)."
    ),
) -> None:
    """Say all that is wrong with a document of a container; exit with 65 where that is an error."""
    # jsonschema takes 70 ms to import, which other commands need not wait for.
    from ocihook.validate.report import validate as report_on

    if kind is not None and kind not in KINDS:
        raise typer.BadParameter(f"--kind {kind}: none of {', '.join(KINDS)}")
    report = report_on(path, kind)
    if as_json:
        output.show_json(report)
    else:
        for finding in report["findings"]:
            output.say(_line(finding))
        output.say(_summary(report))
    if report["errors"]:
        raise typer.Exit(os.EX_DATAERR)


def _line(finding: dict[str, Any]) -> str:
    line = f"{finding['severity']}: {finding['pointer'] or '(document)'}: {finding['message']}"
    return f"{line} (written by {finding['emitter']})" if finding["emitter"] else line


def _summary(report: dict[str, Any]) -> str:
    counts = f"{report['errors']} errors, {report['warnings']} warnings"
    return f"{report['file']}: {report['kind'] or 'unknown'}: {counts}"


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(validate)
