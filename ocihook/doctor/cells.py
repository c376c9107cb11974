# SPDX-License-Identifier: Apache-2.0
"""The cells: those without a cgroup, marks without a cell, and whether there is room for more."""

import errno
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ocihook import mark
from ocihook.abi import OCIHOOK_MAX_CELLS, SchedulerRecord
from ocihook.doctor.finding import Finding, Topic
from ocihook.doctor.host import Host, reason
from ocihook.errors import InputError, OcihookError
from ocihook.paths import CGROUPFS
from ocihook.sched import probe, reconcile

TOPIC = Topic("cells")

AGAIN = "ocihook scheduler reload"

MAX_CONTAINERS = OCIHOOK_MAX_CELLS - 1
"""The host's cell is always taken."""

NEARLY_FULL_PERCENT = 90

Marked = list[tuple[str, int, str]]
"""A marked cgroup: its directory, its cgid, and what is wrong with the mark."""


def check(host: Host) -> Iterator[Finding]:
    """Compare the table of cells with the marks on cgroups."""
    if not host.privileged:
        yield TOPIC.skipped("table", "only root may read cells and marks", "run it as root")
        return
    try:
        marked = _marked(host)
    except OSError as error:
        yield TOPIC.skipped("marks", f"{CGROUPFS}: {reason(error)}")
        return
    ops = probe.running_ops(host.sched_ext)
    if not probe.is_ours(ops):
        if marked:
            yield TOPIC.note(
                "marks",
                f"{CGROUPFS}: marked cgroups, which get cells when a scheduler of ours starts:"
                f" {len(marked)}",
            )
        else:
            yield TOPIC.skipped("table", "no scheduler of ours runs")
        return
    try:
        rows, record = host.list_cells(), host.read_record()
    except OcihookError as error:
        yield TOPIC.skipped("table", error.args[0], error.hint)
        return
    yield _room(record)
    yield from _orphans(rows)
    yield from _without_cell(rows, marked)


def _marked(host: Host) -> Marked:
    """Return every marked cgroup that is still there when it is looked at again, and has tasks.

    An empty one may have outlived its container: its cell is gone, and its mark goes with it.
    """
    found = []
    for directory, text in reconcile.marked_cgroups(str(host.path(CGROUPFS))):
        try:
            cgid = os.stat(directory).st_ino
            events = Path(directory, "cgroup.events").read_text(encoding="ascii")
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENODEV):
                raise
            continue  # removed while we looked
        if "populated 0" in events:
            continue
        try:
            mark.read(text)
            fault = ""
        except InputError as error:
            fault = error.args[0]
        found.append((host.shown(Path(directory)), cgid, fault))
    return found


def _room(record: SchedulerRecord) -> Finding:
    said = f"taken: {record.nr_live} of {MAX_CONTAINERS}"
    if record.nr_live * 100 >= MAX_CONTAINERS * NEARLY_FULL_PERCENT:
        return TOPIC.warning(
            "table",
            f"{said}; when none is left, containers start without",
            "ocihook gc frees what has ended; org.ocihook/cell=NAME lets containers share one",
        )
    return TOPIC.ok("table", said)


def _parts(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the cgroups of a cell: its own, or those of the containers that share it."""
    return row["members"] or [row]


def _orphans(rows: Iterable[dict[str, Any]]) -> Iterator[Finding]:
    lost = [
        f"{row['cell']} ({row['name']})"
        for row in rows
        if row["cell"] != 0
        and row["state"] == "live"
        and any(part["cgid"] and part["cgroup"] is None for part in _parts(row))
    ]
    if lost:
        yield TOPIC.warning("orphaned", f"cgroup gone, cell still live: {_few(lost)}", "ocihook gc")
    else:
        yield TOPIC.ok("orphaned", "every live cell has its cgroup")


def _without_cell(rows: Iterable[dict[str, Any]], marked: Marked) -> Iterator[Finding]:
    owners = {part["cgid"] for row in rows if row["state"] == "live" for part in _parts(row)}
    broken = [f"{directory}: {fault}" for directory, _, fault in marked if fault]
    if broken:
        yield TOPIC.warning(
            "broken marks",
            _few(broken),
            "a new start of these containers writes them anew; until then no restart of the"
            " scheduler finds them",
        )
    missing = [directory for directory, cgid, fault in marked if not fault and cgid not in owners]
    if missing:
        yield TOPIC.warning("marks", f"marked, and without a cell: {_few(missing)}", AGAIN)
    else:
        yield TOPIC.ok("marks", f"marked cgroups, all with their cells: {len(marked)}")


def _few(names: list[str], shown: int = 3) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
