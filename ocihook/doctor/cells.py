# SPDX-License-Identifier: Apache-2.0
"""The cells: those without a cgroup, marks without a cell, own CPUs, and is there room for more."""

import errno
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ocihook import cpulist, mark, topology
from ocihook.abi import OCIHOOK_MAX_CELLS, SchedulerRecord
from ocihook.cell import CellSpec
from ocihook.cpuset import Cpuset
from ocihook.doctor import config
from ocihook.doctor.finding import Finding, Topic
from ocihook.doctor.host import Host, reason
from ocihook.errors import InputError, OcihookError
from ocihook.paths import CGROUPFS
from ocihook.sched import probe, reconcile
from ocihook.sched.cgroup_files import cpuset_of
from ocihook.shortage import Bounds, is_short, shortage

TOPIC = Topic("cells")

AGAIN = "ocihook scheduler reload"

MAX_CONTAINERS = OCIHOOK_MAX_CELLS - 1
"""The host's cell is always taken."""

NEARLY_FULL_PERCENT = 90


class Marked(NamedTuple):
    """A marked cgroup: the ``fault`` of its mark, or what it says; and the CPUs of the cgroup."""

    directory: str
    cgid: int
    cpus: Cpuset
    spec: CellSpec | None = None
    fault: str = ""


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
    yield _own_cpus(host, rows, marked, cpulist.from_words(record.owned))


def _marked(host: Host) -> list[Marked]:
    """Return every marked cgroup that is still there when it is looked at again, and has tasks.

    An empty one may have outlived its container: its cell is gone, and its mark goes with it.
    """
    found = []
    root = str(host.path(CGROUPFS))
    for directory, at, text, fault in reconcile.marked_cgroups(root):
        shown = host.shown(Path(directory))
        if fault:
            found.append(Marked(shown, 0, Cpuset(), fault=fault))
            continue
        try:
            cgid = os.stat(at).st_ino
            events = Path(at, "cgroup.events").read_text(encoding="ascii")
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENODEV):
                raise
            continue  # removed while we looked
        if "populated 0" in events:
            continue
        cpus = cpuset_of([directory[len(root) :]], root)
        try:
            found.append(Marked(shown, cgid, cpus, mark.read(text)))
        except InputError as error:
            found.append(Marked(shown, cgid, cpus, fault=error.args[0]))
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


def _without_cell(rows: Iterable[dict[str, Any]], marked: list[Marked]) -> Iterator[Finding]:
    owners = {part["cgid"] for row in rows if row["state"] == "live" for part in _parts(row)}
    broken = [f"{one.directory}: {one.fault}" for one in marked if one.fault]
    if broken:
        yield TOPIC.warning(
            "broken marks",
            _few(broken),
            "a new start of these containers writes them anew; until then no restart of the"
            " scheduler finds them",
        )
    missing = [one.directory for one in marked if not one.fault and one.cgid not in owners]
    if missing:
        yield TOPIC.warning("marks", f"marked, and without a cell: {_few(missing)}", AGAIN)
    else:
        yield TOPIC.ok("marks", f"marked cgroups, all with their cells: {len(marked)}")


def _own_cpus(
    host: Host, rows: Iterable[dict[str, Any]], marked: list[Marked], owned: int
) -> Finding:
    lost = [
        f"{row['cell']} ({row['name']}): {row['own_cpus_out_of_reach']}"
        for row in rows
        if row["own_cpus_out_of_reach"]
    ]
    if lost:
        return TOPIC.warning(
            "own CPUs",
            f"not in the cell's cpuset any more, so others have them: {_few(lost)}",
            "widen the cpuset of the cgroup, or of the slice or pod above it; or have own CPUs"
            f" chosen anew: {AGAIN}",
        )
    short = [
        f"{one.directory}: {_shortage(host, one.spec, one.cpus, owned)}"
        for one in marked
        if one.spec and is_short(one.spec)
    ]
    if short:
        return TOPIC.note("own CPUs", f"fewer than wished: {_few(short)}", AGAIN)
    return TOPIC.ok("own CPUs", "all that were wished")


def _shortage(host: Host, spec: CellSpec, cpus: Cpuset, owned: int) -> str:
    try:
        online = topology.read(str(host.path(topology.SYSFS))).online
    except OcihookError as error:
        return str(error)
    given_out = config.policy(host).own_cpus_mask()
    return shortage(spec, Bounds(online, owned & ~spec.own, cpus, spec.allowed, given_out))


def _few(names: list[str], shown: int = 3) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
