# SPDX-License-Identifier: Apache-2.0
"""Show real containers getting their cells, sharing CPUs by weight and limit, and leaving.

``./dev demo`` runs it in a virtual machine, ``./dev demo --host`` on this machine. Two of the
containers are in a pod that has a limit, and beside them a service of the host is busy that has
one, too. Half a second of it becomes a timeline, the SVG that the argument names. It exits with 0
only if everything that it announces came true.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "guest"))

from bundle import Container, burn, config
from rich.console import Console
from rich.live import Live
from rich.table import Table
from trusting import program_text

from ocihook.errors import OcihookError
from ocihook.install import hooks
from ocihook.paths import CGROUPFS
from ocihook.sched import loader, recording
from ocihook.sched.cells import list_cells
from ocihook.sched.promise import Claim, promises
from ocihook.timeline import svg

SECONDS = 12.0
"""How long the table is shown, and CPU time is counted, where the machine is for the demo alone."""

LONGEST_S = 90.0
"""The same where it is busy with something else: the averages take longer to mean something."""

PROGRAM = "ocihook-hook"
"""The hook program, below the demo's own directory: nothing on the machine is changed."""

RECORDED_S = 0.5

TOLERANCE = 0.15
"""How far what each got may be from what it was promised."""

PERIOD_US = 100_000
CPUS = os.cpu_count() or 1


class Host(NamedTuple):
    """A cgroup of the host, which is no container."""

    name: str
    weight: int
    limit_cpus: float

    @property
    def cgroup(self) -> Path:
        """Where it is."""
        return Path(CGROUPFS, self.name)


POD = Host("demo-pod", 300, 0.5)
SERVICE = Host("demo-service", 100, 0.2)


class Actor(NamedTuple):
    """One container of the demo."""

    name: str
    runtime: str
    weight: int
    pod: Host | None = None

    @property
    def id(self) -> str:
        """The container's id."""
        return f"demo-{self.name}"


CAST = (
    Actor("web", "runc", 300),
    Actor("batch", "crun", 100),
    Actor("cache", "crun", 300, POD),
    Actor("index", "runc", 100, POD),
)

console = Console(width=None if sys.stdout.isatty() else 100)


class Failed(Exception):
    """Raised when something that the demo promises did not come true."""


def make(actor: Actor, directory: Path) -> Container:
    """Write the bundle of an actor: a task for each CPU that never sleeps."""
    document = config(
        actor.id,
        burn(CPUS),
        annotations={"org.ocihook/weight": str(actor.weight)},
        program=os.fspath(directory / PROGRAM),
    )
    if actor.pod:
        document["linux"]["cgroupsPath"] = f"/{actor.pod.name}/{actor.id}"
    return Container(actor.runtime, actor.id, directory / actor.id, document)


@contextmanager
def host_cgroups() -> Iterator[None]:
    """Make the pod's cgroup and the service's, with the tasks of the service, and remove them."""
    Path(CGROUPFS, "cgroup.subtree_control").write_text("+cpu")
    made: list[Host] = []
    tasks: list[subprocess.Popen[bytes]] = []
    try:
        for host in (POD, SERVICE):
            host.cgroup.mkdir()
            made.append(host)
            (host.cgroup / "cpu.weight").write_text(str(host.weight))
            limit = f"{round(host.limit_cpus * PERIOD_US)} {PERIOD_US}"
            (host.cgroup / "cpu.max").write_text(limit)
        enter = 'echo 0 >"$0/cgroup.procs"; while :; do :; done'
        words = ["/bin/sh", "-c", enter, os.fspath(SERVICE.cgroup)]
        tasks = [subprocess.Popen(words) for _ in range(CPUS)]
        yield
    finally:
        for task in tasks:
            task.kill()
            task.wait()
        for host in made:
            host.cgroup.rmdir()


def cells_by_container() -> dict[str, dict[str, Any]]:
    """Return the live cells of the cast, by container id."""
    ids = {actor.id for actor in CAST}
    return {
        cell["container"]: cell
        for cell in list_cells()
        if cell["container"] in ids and cell["state"] == "live"
    }


def due_cpus(cpus: float) -> dict[str, float]:
    """Return how many of so many CPUs each container, and the service, is promised."""
    own = 100 * CPUS
    claims = {host.name: Claim(None, host.weight, 0, host.limit_cpus) for host in (POD, SERVICE)}
    claims[SERVICE.name] = claims[SERVICE.name]._replace(own_weight=own)
    for actor in CAST:
        claims[actor.id] = Claim(actor.pod.name if actor.pod else None, actor.weight, own)
    found = promises(claims, cpus)
    return {name: found[name].own for name in (*(actor.id for actor in CAST), SERVICE.name)}


def used_ns() -> dict[str, int]:
    """Return the CPU time of each container and of the service until now."""
    used = {container: cell["run_ns"] for container, cell in cells_by_container().items()}
    usage_us = (SERVICE.cgroup / "cpu.stat").read_text().split()[1]
    return used | {SERVICE.name: int(usage_us) * 1000}


class Moment(NamedTuple):
    """What each was promised and got until then, in CPUs.

    An emulated CPU is not always there: the machine is what all of them got together.
    """

    elapsed_s: float
    due: dict[str, float]
    got: dict[str, float]


def moment(start: dict[str, int], began_s: float) -> Moment:
    """Return what each was promised and got since the start."""
    now, elapsed_s = used_ns(), time.monotonic() - began_s
    if set(now) != set(start):
        raise Failed("a cell vanished while its container runs")
    got = {name: (now[name] - start[name]) / 1e9 / max(elapsed_s, 0.01) for name in start}
    return Moment(elapsed_s, due_cpus(sum(got.values())), got)


def draw(seen: Moment) -> Table:
    """Return the table of the moment."""
    table = Table(title=f"cells after {seen.elapsed_s:.0f} s", title_justify="left")
    for heading in ("cell", "name", "runtime", "in"):
        table.add_column(heading)
    for heading in ("limit", "weight", "promised", "got"):
        table.add_column(heading, justify="right")
    table.add_column("CPUs")
    cells = cells_by_container()

    def row(name: str, *before: str) -> None:
        due, got = seen.due[name], seen.got[name]
        table.add_row(*before, f"{due:.2f}", f"{got:.2f}", "█" * round(got / CPUS * 40))

    for actor in CAST:
        where = (actor.pod.name, str(actor.pod.limit_cpus)) if actor.pod else ("", "")
        number = str(cells[actor.id]["cell"])
        row(actor.id, number, actor.id, actor.runtime, *where, str(actor.weight))
    limit, weight = str(SERVICE.limit_cpus), str(SERVICE.weight)
    row(SERVICE.name, "-", SERVICE.name, "-", "the host", limit, weight)
    return table


def watch() -> Moment:
    """Show the table for SECONDS, or until each got its promise; return the last moment."""
    start, began_s = used_ns(), time.monotonic()
    with Live(console=console, auto_refresh=False, transient=False) as live:
        while True:
            seen = moment(start, began_s)
            live.update(draw(seen), refresh=True)
            if seen.elapsed_s >= (LONGEST_S if missed(seen) else SECONDS):
                return seen
            time.sleep(0.5)


def missed(seen: Moment) -> str:
    """Say which of the cast did not get what it was promised since the start; or nothing."""
    for name, due in seen.due.items():
        if abs(seen.got[name] - due) > TOLERANCE * due:
            return f"{name} got {seen.got[name]:.2f} CPUs, and was promised {due:.2f}"
    return ""


def record(to: Path) -> None:
    """Write a timeline of what runs now, with all of the cast in it."""
    online = range(os.cpu_count() or 1)
    recorded = recording.record(RECORDED_S, list(online), "Which cell ran on which CPU")
    missing = {actor.id for actor in CAST} - recorded.times_ns().keys()
    if missing:
        raise Failed(f"{', '.join(sorted(missing))} did not run while it was recorded")
    to.write_text(svg.render(recorded), encoding="utf-8")
    console.print(f"recorded {RECORDED_S} s of which cell ran on which CPU: {to.name}")


def perform(directory: Path, timeline: Path) -> None:
    """Run the whole demo with bundles below ``directory``, and write the timeline."""
    console.print("starting the scheduler; the loader leaves, the kernel keeps it")
    loader.start()
    hooks.install(
        hooks_dir=directory / "hooks.d", program=directory / PROGRAM, text=program_text(directory)
    )
    containers = [make(actor, directory) for actor in CAST]
    with host_cgroups():
        try:
            seen = play(containers, timeline)
        finally:
            for container in containers:
                container.clean_up()
    left = cells_by_container()
    if left:
        raise Failed(f"cells are left: {', '.join(left)}")
    console.print("no cell is left")
    if fault := missed(seen):
        raise Failed(fault)
    console.print(
        f"each got what its weight and the limits above it promise, within {TOLERANCE:.0%}: so did"
        " the pod, and the service of the host"
    )


def play(containers: list[Container], timeline: Path) -> Moment:
    """Walk the containers through their lives; return what each got."""
    for container in containers:
        console.print(f"{container.runtime} create {container.id}")
        container.create()
    found = len(cells_by_container())
    if found != len(CAST):
        raise Failed(f"{found} of {len(CAST)} containers have a cell before they start")
    console.print("every container has its cell, and none has run an instruction yet")
    for container in containers:
        container.start()
    time.sleep(1)
    seen = watch()
    if not console.is_terminal:
        console.line()  # Live ends a file's last line only on a terminal
    record(timeline)
    for container in containers:
        container.kill_tasks()
    for container in containers:
        console.print(f"{container.runtime} delete {container.id}")
        container.delete()
    return seen


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
