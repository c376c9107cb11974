# SPDX-License-Identifier: Apache-2.0
"""``ocihook scheduler``: start, stop, reload, status, dump."""

from dataclasses import asdict
from typing import Any

import typer

from ocihook.cli import config, output
from ocihook.sched import loader, probe
from ocihook.sched.dump import dump_scheduler
from ocihook.sched.reconcile import restore_cells
from ocihook.sched.reload import Reloaded, reload_scheduler
from ocihook.sched.status import scheduler_status

START_JSON = typer.Option(False, "--json", help="Print JSON (schemas/scheduler-start.schema.json).")
STOP_JSON = typer.Option(False, "--json", help="Print JSON (schemas/scheduler-stop.schema.json).")
STATUS_JSON = typer.Option(
    False, "--json", help="Print JSON (schemas/scheduler-status.schema.json)."
)
DUMP_JSON = typer.Option(False, "--json", help="Print JSON (schemas/scheduler-dump.schema.json).")

_NEXT = {
    "ejected": "ocihook scheduler start",
    "stopped": "ocihook scheduler start",
    "foreign": "stop that one, then: ocihook scheduler start",
    "unsupported": "boot a kernel with sched_ext; see: ocihook doctor",
}

app = typer.Typer(help="Start, stop and look at the scheduler.", no_args_is_help=True)

HOST_SHARE = typer.Option(
    None,
    min=1,
    max=90,
    hidden=True,
    help="Has no effect any more.",
)


def _tell_of_host_share(percent: int | None) -> None:
    if percent is not None:
        output.complain(
            "--host-share: has no effect any more: the host's cgroups share CPUs by their own "
            "weights (systemctl set-property NAME CPUWeight=N)"
        )


@app.command()
def start(host_share: int | None = HOST_SHARE, as_json: bool = START_JSON) -> None:
    """Load the scheduler, pin it and leave; it goes on by itself.

    Every marked cgroup gets its cell again. Where the scheduler runs already, that is all that is
    done: what an earlier start could not restore is tried once more.
    """
    policy = config.in_force()
    _tell_of_host_share(host_share)
    started = loader.start()
    _tell_of_ticklessness()
    restored, failures = restore_cells(given_out=policy.own_cpus_mask())
    for failure in failures:
        output.complain(failure)
    if as_json:
        document = {"started": started, "cells_restored": restored, "failures": failures}
        output.show_json(document)
    else:
        did = "started" if started else "already runs"
        output.say(f"scheduler {did}, {restored} cells restored")


def _tell_of_ticklessness() -> None:
    lost = probe.lost_ticklessness()
    if lost is not None:
        output.complain(f"{lost[0]} ({lost[1]})")


@app.command()
def stop(as_json: bool = STOP_JSON) -> None:
    """Take the scheduler out; every container goes on under the kernel's own."""
    stopped = loader.stop()
    if as_json:
        output.show_json({"stopped": stopped})
    else:
        output.say("scheduler stopped" if stopped else "no ocihook scheduler was loaded")


@app.command()
def reload(
    host_share: int | None = HOST_SHARE,
    as_json: bool = typer.Option(
        False, "--json", help="Print JSON (schemas/scheduler-reload.schema.json)."
    ),
) -> None:
    """Put a new scheduler in the place of the one that runs; every cell is kept.

    After an upgrade or a change of the configuration. The new one is verified before the old one
    goes; meanwhile, for the gap that is told, the kernel's own scheduler runs everything. Cells
    come back by the marks on their cgroups; what they have counted begins anew.
    """
    policy = config.in_force()
    _tell_of_host_share(host_share)
    done = reload_scheduler(policy.own_cpus_mask())
    for failure in done.failures:
        output.complain(failure)
    if as_json:
        output.show_json(asdict(done))
    else:
        output.say(_reloaded(done))


def _reloaded(done: Reloaded) -> str:
    gap = "" if done.gap_ms is None else f" after {done.gap_ms:.0f} ms without"
    before = "" if done.cells_before is None else f" of {done.cells_before}"
    return (
        f"scheduler reloaded{gap}, {done.cells_after}{before} cells restored"
        f" in {done.restore_ms:.0f} ms"
    )


@app.command()
def dump(as_json: bool = DUMP_JSON) -> None:
    """Print what the kernel's dump of sched_ext says of CPUs, cells and tasks.

    For a report, or to see why a task waits. Changes nothing. The lines are the kernel's own, and
    differ from one kernel to the next: JSON has them as they are.
    """
    found = dump_scheduler()
    if as_json:
        output.show_json(found._asdict())
        return
    if found.lost:
        output.complain(f"the first {found.lost} lines of the dump are lost: the buffer was full")
    for line in found.lines:
        output.say(line)


@app.command()
def status(
    as_json: bool = typer.Option(
        False, "--json", help="Print JSON (schemas/scheduler-status.schema.json)."
    ),
) -> None:
    """Show the scheduler's state, and why it ended where it did."""
    document = scheduler_status()
    if as_json:
        output.show_json(document)
        return
    for line in _describe(document):
        output.say(line)


def _describe(document: dict[str, Any]) -> list[str]:
    lines = [f"state      {document['state']}"]
    if document["scheduler"]:
        lines.append(f"scheduler  {document['scheduler']}")
    lines += [f"kernel     {document['kernel']}", f"abi        {document['abi']}"]
    if document["uptime_s"] is not None:
        lines.append(f"uptime     {document['uptime_s']:.0f} s")
        lines.append(f"cells      {document['cells']} and the host")
    if document["exit"]:
        ended = document["exit"]
        lines.append(f"ended      {ended['reason']}: {ended['message']} (kind {ended['kind']})")
    if document["state"] in _NEXT:
        lines.append(f"next       {_NEXT[document['state']]}")
    return lines
