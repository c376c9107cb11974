# SPDX-License-Identifier: Apache-2.0
"""Show real containers getting their cells, sharing CPUs by weight, and leaving.

``./dev demo`` runs it in a virtual machine, ``./dev demo --host`` on this machine. Half a second of
it becomes a timeline, the SVG that the argument names. It exits with 0 only if everything that it
announces came true.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "guest"))

from bundle import Container, burn, config
from rich.console import Console
from rich.live import Live
from rich.table import Table

from ocihook.errors import OcihookError
from ocihook.install import hooks
from ocihook.sched import loader, recording
from ocihook.sched.cells import list_cells
from ocihook.timeline import svg

SECONDS = 12.0
"""How long the table is shown, and CPU time is counted."""

PROGRAM = "ocihook-hook"
"""The hook program, below the demo's own directory: nothing on the machine is changed."""

RECORDED_S = 0.5

TOLERANCE = 0.15
"""How far a share may be from what the weights promise."""


class Actor(NamedTuple):
    """One container of the demo."""

    name: str
    runtime: str
    weight: int
    cpus: str | None


CAST = (
    Actor("web", "runc", 300, None),
    Actor("batch", "crun", 100, None),
    Actor("cache", "crun", 300, None),
    Actor("index", "runc", 100, "1"),
)

console = Console(width=None if sys.stdout.isatty() else 100)


class Failed(Exception):
    """Raised when something that the demo promises did not come true."""


def make(actor: Actor, directory: Path) -> Container:
    """Write the bundle of an actor: a task for each CPU that never sleeps."""
    container = f"demo-{actor.name}"
    annotations = {"org.ocihook/weight": str(actor.weight)}
    cpu = {"cpus": actor.cpus} if actor.cpus else {}
    document = config(
        container,
        burn(os.cpu_count() or 1),
        cpu=cpu,
        annotations=annotations,
        program=os.fspath(directory / PROGRAM),
    )
    return Container(actor.runtime, container, directory / container, document)


def cells_by_container(containers: list[Container]) -> dict[str, dict[str, Any]]:
    """Return the live cells of the cast, by container id."""
    ids = {container.id for container in containers}
    return {
        cell["container"]: cell
        for cell in list_cells()
        if cell["container"] in ids and cell["state"] == "live"
    }


def promised() -> dict[str, float]:
    """Return each actor's part of what the cast gets together, by weight."""
    total = sum(actor.weight for actor in CAST)
    return {f"demo-{actor.name}": actor.weight / total for actor in CAST}


def shares(used_ns: dict[str, int]) -> dict[str, float]:
    """Return each container's part of what all have used together."""
    total = sum(used_ns.values()) or 1
    return {container: used / total for container, used in used_ns.items()}


def draw(cells: dict[str, dict[str, Any]], used_ns: dict[str, int], elapsed_s: float) -> Table:
    """Return the table of the moment."""
    table = Table(title=f"cells after {elapsed_s:.0f} s", title_justify="left")
    for heading in ("cell", "name", "runtime", "cpus"):
        table.add_column(heading)
    for heading in ("weight", "CPU time", "promised", "got"):
        table.add_column(heading, justify="right")
    table.add_column("")
    due, got = promised(), shares(used_ns)
    for actor in CAST:
        cell = cells[f"demo-{actor.name}"]
        part = got[cell["container"]]
        table.add_row(
            str(cell["cell"]),
            cell["name"],
            actor.runtime,
            cell["cpus"],
            str(cell["weight"]),
            f"{used_ns[cell['container']] / 1e9:.1f} s",
            f"{due[cell['container']]:.0%}",
            f"{part:.0%}",
            "█" * round(part * 40),
        )
    return table


def watch(containers: list[Container]) -> dict[str, int]:
    """Show the table for SECONDS; return the CPU time of each container in ns."""
    start = {name: cell["run_ns"] for name, cell in cells_by_container(containers).items()}
    began = time.monotonic()
    with Live(console=console, auto_refresh=False, transient=False) as live:
        while True:
            cells = cells_by_container(containers)
            elapsed_s = time.monotonic() - began
            used_ns = {name: cell["run_ns"] - start[name] for name, cell in cells.items()}
            if set(used_ns) != {container.id for container in containers}:
                raise Failed("a cell vanished while its container runs")
            live.update(draw(cells, used_ns, elapsed_s), refresh=True)
            if elapsed_s >= SECONDS:
                return used_ns
            time.sleep(0.5)


def check_shares(used_ns: dict[str, int]) -> None:
    """Compare what each got with what its weight promises."""
    got = shares(used_ns)
    for container, due in promised().items():
        if abs(got[container] - due) > TOLERANCE * due:
            raise Failed(f"{container} got {got[container]:.1%}, its weight promises {due:.1%}")


def record(to: Path) -> None:
    """Write a timeline of what runs now, with all of the cast in it."""
    online = range(os.cpu_count() or 1)
    recorded = recording.record(RECORDED_S, list(online), "Which cell ran on which CPU")
    missing = {f"demo-{actor.name}" for actor in CAST} - recorded.times_ns().keys()
    if missing:
        raise Failed(f"{', '.join(sorted(missing))} did not run while it was recorded")
    to.write_text(svg.render(recorded), encoding="utf-8")
    console.print(f"recorded {RECORDED_S} s of which cell ran on which CPU: {to.name}")


def perform(directory: Path, timeline: Path) -> None:
    """Run the whole demo with bundles below ``directory``, and write the timeline."""
    console.print("starting the scheduler; the loader leaves, the kernel keeps it")
    loader.start()
    hooks.install(hooks_dir=directory / "hooks.d", program=directory / PROGRAM)
    containers = [make(actor, directory) for actor in CAST]
    try:
        for container in containers:
            console.print(f"{container.runtime} create {container.id}")
            container.create()
        cells = cells_by_container(containers)
        if len(cells) != len(CAST):
            raise Failed(f"{len(cells)} of {len(CAST)} containers have a cell before they start")
        console.print("every container has its cell, and none has run an instruction yet")
        for container in containers:
            container.start()
        time.sleep(1)
        used_ns = watch(containers)
        if not console.is_terminal:
            console.line()  # Live ends a file's last line only on a terminal
        record(timeline)
        for container in containers:
            container.kill_tasks()
        for container in containers:
            console.print(f"{container.runtime} delete {container.id}")
            container.delete()
    finally:
        for container in containers:
            container.clean_up()
    left = cells_by_container(containers)
    if left:
        raise Failed(f"cells are left: {', '.join(left)}")
    console.print("no cell is left")
    check_shares(used_ns)
    console.print(f"every share is within {TOLERANCE:.0%} of what its weight promises")


def main() -> int:
    """Run the demo, with the timeline's file as its argument, and clean up; return the status."""
    started_before = False
    try:
        started_before = loader.is_running()
        with tempfile.TemporaryDirectory(prefix="ocihook-demo-") as directory:
            perform(Path(directory), Path(sys.argv[1]))
        status = 0
    except (Failed, OcihookError, subprocess.TimeoutExpired, AssertionError) as error:
        print(f"demo: {error}", file=sys.stderr)
        status = 1
    if not started_before:
        loader.stop()
    return status


if __name__ == "__main__":
    sys.exit(main())
