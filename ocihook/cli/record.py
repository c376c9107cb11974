# SPDX-License-Identifier: Apache-2.0
"""``ocihook record``: which cell ran on which CPU, for some seconds, as a picture or a trace."""

from pathlib import Path
from typing import Any

import typer

from ocihook import cpulist, topology
from ocihook.cli import output
from ocihook.errors import CpulistError
from ocihook.install import files
from ocihook.timeline.recording import Recording

FORMATS = {".svg": "svg", ".html": "page", ".json": "trace_events"}
"""The module of ``ocihook.timeline`` that writes each kind of file."""

SECONDS_MAX = 600.0
FILE_MODE = 0o600
"""It says when each tenant ran, to the microsecond, and under which ids."""

SECONDS = typer.Option(5.0, "--seconds", "-s", metavar="N", help="How long; Ctrl-C ends it early.")
TO = typer.Option(
    ...,
    "--output",
    "-o",
    metavar="FILE",
    help="Write FILE: .svg, a picture; .html, a page to zoom in; .json, for Perfetto or Chrome.",
)
TITLE = typer.Option(
    "Which cell ran on which CPU", "--title", metavar="TEXT", help="What stands above it."
)
CPUS = typer.Option("", "--cpus", metavar="CPULIST", help="Record these CPUs only, like 0-3,8.")
AS_JSON = typer.Option(
    False, "--json", help="Say what was recorded as JSON (schemas/recording.schema.json)."
)


def record(
    to: Path = TO,
    seconds: float = SECONDS,
    title: str = TITLE,
    cpus: str = CPUS,
    as_json: bool = AS_JSON,
) -> None:
    """Record which cell runs on which CPU, and write a timeline of it.

    The file is its owner's alone to read. Costs nothing while nobody records. What a busy machine
    switches faster than it can be read is dropped, counted, and shown as not recorded.
    """
    if to.suffix not in FORMATS:
        raise typer.BadParameter(f"{to}: the name ends with none of {', '.join(FORMATS)}")
    if not 0 < seconds <= SECONDS_MAX:
        raise typer.BadParameter(f"--seconds {seconds:g}: not above 0 and up to {SECONDS_MAX:g}")
    wanted = _cpus(cpus)
    files.require_replaceable(to)
    # 15 ms, for this command alone.
    from ocihook.sched import recording

    recorded = recording.record(seconds, wanted, title)
    files.replace(to, render(recorded, to.suffix).encode(errors="replace"), FILE_MODE)
    document = about(recorded, to)
    if as_json:
        output.show_json(document)
    else:
        output.say(_line(document))
        if not recorded.cells():
            output.say("no cell ran meanwhile: see which there are with ocihook cells")


def _cpus(text: str) -> list[int]:
    online = topology.read().online
    try:
        wanted = cpulist.parse(text) if text else online
    except CpulistError as error:
        raise typer.BadParameter(f"--cpus {text}: {error}") from None
    if wanted & ~online:
        missing = cpulist.format(wanted & ~online)
        raise typer.BadParameter(f"--cpus {text}: {missing} is not online")
    return [cpu for cpu in range(wanted.bit_length()) if wanted >> cpu & 1]


def render(recorded: Recording, suffix: str) -> str:
    """Return the text of a file of the kind that a suffix names."""
    from ocihook.timeline import page, svg, trace_events

    modules = {"svg": svg.render, "page": page.render, "trace_events": trace_events.render}
    return modules[FORMATS[suffix]](recorded)


def about(recorded: Recording, to: Path) -> dict[str, Any]:
    """Return what schemas/recording.schema.json describes."""
    return {
        "file": str(to),
        "title": recorded.title,
        "machine": recorded.machine,
        "duration_ns": recorded.ended_ns - recorded.began_ns,
        "cpus": sorted(recorded.lanes),
        "segments": recorded.segment_count(),
        "dropped": recorded.dropped,
        "note": recorded.note,
        "run_ns": recorded.times_ns(),
    }


def _line(document: dict[str, Any]) -> str:
    cpus = len(document["cpus"])
    return (
        f"{document['file']}: {document['duration_ns'] / 1e9:.1f} s on {cpus}"
        f" CPU{'s' if cpus != 1 else ''}, {document['segments']} segments,"
        f" {document['dropped']} switches dropped"
        f"{'; ' if document['note'] else ''}{document['note']}"
    )


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(record)
