# SPDX-License-Identifier: Apache-2.0
"""``ocihook doctor``: what can be wrong on a host, each with a verdict, the evidence, the mend."""

from itertools import groupby
from typing import Any

import typer
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ocihook.cli import output
from ocihook.doctor import TOPICS

STYLES = {"ok": "green", "note": "cyan", "skipped": "dim", "warning": "yellow", "error": "bold red"}

ONLY = typer.Option(
    [], metavar="TOPIC", help=f"Look at this alone; may be repeated: {', '.join(TOPICS)}."
)

_WORD_CHARS = max(map(len, STYLES))
_NAME_CHARS = 14
"""Longer names are wrapped: at 80 columns that leaves 54 for what was seen."""


def doctor(
    only: list[str] = ONLY,
    as_json: bool = typer.Option(False, "--json", help="Print JSON (schemas/doctor.schema.json)."),
) -> None:
    """Look at everything that can keep containers from their cells, and say how to mend it.

    Ends with 0 where nothing has to be done, and otherwise with the worst:
    77 not everything could be looked at, 65 warnings, 69 containers get no
    cells, 76 pins are of another version, 78 a configuration file is broken.
    """
    unknown = [topic for topic in only if topic not in TOPICS]
    if unknown:
        raise typer.BadParameter(f"no topic {unknown[0]!r}; there are: {', '.join(TOPICS)}")
    # 25 ms, for this command alone.
    from ocihook.doctor.examination import document, examine
    from ocihook.doctor.host import Host

    found = document(examine(Host(), only or TOPICS))
    if as_json:
        output.show_json(found)
    else:
        output.show(screen(found))
    raise typer.Exit(found["exit_code"])


def screen(found: dict[str, Any]) -> RenderableType:
    """Return a document of ``examination.document`` as it is shown, for a console of any width."""
    parts: list[RenderableType] = []
    for topic, findings in groupby(found["findings"], key=lambda each: each["topic"]):
        table = Table(box=None, pad_edge=False, show_header=False)
        table.add_column(width=_WORD_CHARS, no_wrap=True)
        table.add_column(width=_NAME_CHARS)
        table.add_column(overflow="fold")  # a path that is cut cannot be copied
        for each in findings:
            table.add_row(*_row(each))
        parts += [Text(topic, style="bold"), Padding(table, (0, 0, 1, 2), expand=False)]
    return Group(*parts, _summary(found))


def _row(finding: dict[str, str]) -> tuple[Text, Text, Text]:
    verdict = finding["verdict"]
    said = Text(output.printable(finding["evidence"]))
    if finding["mend"]:
        said.append(f"\n-> {output.printable(finding['mend'])}", style="bold")
    return Text(verdict, style=STYLES[verdict]), Text(output.printable(finding["name"])), said


def _summary(found: dict[str, Any]) -> Text:
    line = Text()
    for verdict, count in reversed(found["counts"].items()):
        if count:
            many = "s" if count > 1 and verdict in ("error", "warning", "note") else ""
            line.append(", " if line else "")
            line.append(f"{count} {verdict}{many}", style=STYLES[verdict])
    return line


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)
