# SPDX-License-Identifier: Apache-2.0
"""Cells without a runtime: a cgroup, its registration through the pinned program, busy tasks.

The scheduler does the same with a cell whichever program asked for it, and a container's life takes
seconds in an emulated machine. Containers are in bundle.py, for tests of runtimes.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bundle import PARENT
from converge import Use, cgroup_use
from waiting import until

from ocihook import cpulist, grant, mark
from ocihook._bpf.pinned import register, unregister
from ocihook._bpf.pinned_array import PinnedArray
from ocihook.abi import OCIHOOK_MAX_CELLS, Cell, CellRelease, CellRunNs, CellStats
from ocihook.cell import CellSpec
from ocihook.paths import CELL_MARK, CGROUPFS
from ocihook.sched import loader
from ocihook.sched.cells import list_cells
from ocihook.sched.cgroup_files import cpuset_of
from ocihook.sched.times import Times
from ocihook.topology import possible_cpus


def cells_of(container: str) -> list[dict[str, Any]]:
    """Return the live cells of a container id, as ``ocihook cells --json`` has them."""
    return [
        cell
        for cell in list_cells()
        if cell["state"] == "live"
        and container in (cell["container"], *(each["container"] for each in cell["members"]))
    ]


SPIN = "while :; do :; done"


def freeze(cgroup: Path, frozen: bool) -> None:
    """Stop or resume every task at and below a cgroup (cgroup-v2.rst, cgroup.freeze)."""
    (cgroup / "cgroup.freeze").write_text(str(int(frozen)))
    events = cgroup / "cgroup.events"
    until(lambda: f"frozen {int(frozen)}" in events.read_text(), f"frozen: {frozen}")


class Workload:
    """A cell of its own for the tasks that a test starts in it. A party of ``converge``."""

    def __init__(self, cgroup: Path, spec: CellSpec, gate: Gate) -> None:
        """Register the cgroup and mark it, in the hook's order."""
        self.cgroup = cgroup
        self.id = spec.container
        self._gate = gate
        self.cgid = cgroup.stat().st_ino
        os.setxattr(cgroup, CELL_MARK, mark.write(spec))
        self.slot, self.generation = register(spec.request(self.cgid))
        self.shortage = ""
        if spec.wishes_own():
            path = f"/{cgroup.relative_to(CGROUPFS)}"
            self.shortage = grant.grant(spec, self.cgid, self.slot, cpuset_of([path], CGROUPFS))
            os.setxattr(cgroup, CELL_MARK, mark.write(spec))

    def start(self, *command: str, cpus: str = "") -> subprocess.Popen[bytes]:
        """Start a command in the cgroup; ``cpus`` is a list that the task alone is bound to."""
        bound = ["taskset", "--cpu-list", cpus] if cpus else []
        enter = 'echo 0 >"$0" && exec "$@"'
        words = ["/bin/sh", "-c", enter, f"{self.cgroup}/cgroup.procs", *bound, *command]
        return self._gate.popen(words)

    def burn(self, tasks: int, cpus: str = "") -> list[int]:
        """Add tasks that never sleep; they begin when the gate opens. Return their pids."""
        before = self.tasks()
        for _ in range(tasks):
            self.start("/bin/sh", "-c", f"read _; {SPIN}", cpus=cpus)
        until(lambda: len(self.tasks()) == len(before) + tasks, f"{tasks} tasks in {self.id}")
        return [pid for pid in self.tasks() if pid not in before]

    def tasks(self) -> list[int]:
        """Return the processes in the cgroup itself."""
        return [int(pid) for pid in (self.cgroup / "cgroup.procs").read_text().split()]

    def use(self) -> Use:
        """Return the CPU time that the kernel counted for the cgroup, and its tasks' slices."""
        return cgroup_use(self.cgroup)

    def row(self) -> dict[str, Any]:
        """Return the cell as ``ocihook cells --json`` shows it."""
        (row,) = cells_of(self.id)
        return row

    def cell(self) -> Cell:
        """Return its slot as it is: one system call, where ``row`` reads every cell."""
        table = PinnedArray("cells", Cell)
        try:
            return table.read(self.slot)[0]
        finally:
            table.close()

    def run_ns(self) -> list[int]:
        """Return its CPU time on each possible CPU."""
        return [part.run_ns for part in run_ns_of(self.slot)]

    def stats(self) -> list[CellStats]:
        """Return its counters, one for each cache."""
        return stats_of(self.slot)

    def release(self) -> int:
        """Take the cell away and leave cgroup and tasks; return how many cells that were."""
        return unregister(CellRelease(cgid=self.cgid))

    def freeze(self, frozen: bool) -> None:
        """Stop or resume every task of the cgroup."""
        freeze(self.cgroup, frozen)

    def kill_tasks(self) -> None:
        """End every task at and below the cgroup (cgroup.kill, 5.14)."""
        if self.cgroup.exists():
            (self.cgroup / "cgroup.kill").write_text("1")
            events = self.cgroup / "cgroup.events"
            until(lambda: "populated 0" in events.read_text(), f"the end of {self.id}'s tasks")

    def remove(self) -> None:
        """End its tasks and remove the cgroup: the cell goes with it."""
        self.kill_tasks()
        if self.cgroup.exists():
            for directory, _, _ in os.walk(self.cgroup, topdown=False):
                os.rmdir(directory)


def run_ns_of(slot: int) -> list[CellRunNs]:
    """Return the CPU time of a slot on each possible CPU."""
    table = PinnedArray("cell_run_ns", CellRunNs, copies=possible_cpus().bit_count())
    try:
        return table.read(slot)
    finally:
        table.close()


def stats_of(slot: int) -> list[CellStats]:
    """Return the counters of a slot, one record for each cache."""
    table = PinnedArray("cell_stats", CellStats, slots=OCIHOOK_MAX_CELLS)
    try:
        return table.read(slot)
    finally:
        table.close()


class Gate:
    """A pipe that busy tasks read from before they begin: at its end, all of them begin at once."""

    def __init__(self) -> None:
        """Make it, closed."""
        self._reader, self._writer = os.pipe()
        self._started: list[subprocess.Popen[bytes]] = []

    def popen(self, words: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start a program whose standard input is the gate."""
        started = subprocess.Popen(words, stdin=self._reader, stdout=subprocess.PIPE)
        self._started.append(started)
        return started

    def open(self) -> None:
        """Let the tasks begin; those that come later do not wait."""
        if self._writer >= 0:
            os.close(self._writer)
            self._writer = -1

    def close(self) -> None:
        """Wait for the end of all tasks, which their cgroups have killed."""
        self.open()
        os.close(self._reader)
        for process in self._started:
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()


class Workloads:
    """Makes the cells of one test, and removes them after it."""

    def __init__(self, parent: Path) -> None:
        """Make the cgroup that they are below, with the controllers for them."""
        self.parent = parent
        parent.mkdir(exist_ok=True)
        (parent / "cgroup.subtree_control").write_text("+cpu +cpuset")
        self._gate = Gate()
        self._made: list[Workload] = []

    def __call__(
        self,
        name: str,
        /,
        tasks: int = 0,
        *,
        weight: int = 100,
        quota_us: tuple[int, int] | None = None,
        cpus: str = "",
        **members: Any,
    ) -> Workload:
        """Make a cell with ``tasks`` that never sleep; they wait until :meth:`begin`.

        ``weight``, ``quota_us`` (of a period) and ``cpus`` stand in the cgroup's files as well, as
        a runtime leaves them. ``members`` are those of CellSpec.
        """
        cgroup = self.parent / name
        cgroup.mkdir()
        (cgroup / "cpu.weight").write_text(str(weight))
        if quota_us:
            (cgroup / "cpu.max").write_text(f"{quota_us[0]} {quota_us[1]}")
            members |= {"quota_ns": quota_us[0] * 1000, "period_ns": quota_us[1] * 1000}
        elif members.get("quota_ns"):
            members["fixed_quota"] = True  # as an annotation names it: no file says so
        if cpus:
            (cgroup / "cpuset.cpus").write_text(cpus)
            members["allowed"] = cpulist.parse(cpus)
        known = {"container": f"cell-{name}", "bundle_hash": 1, "name": name, "weight": weight}
        self._made.append(Workload(cgroup, CellSpec(**known | members), self._gate))
        self._made[-1].burn(tasks)
        return self._made[-1]

    def begin(self) -> None:
        """Let all busy tasks begin, at the same time."""
        self._gate.open()

    def remove(self) -> None:
        """Remove all of it."""
        for made in self._made:
            made.kill_tasks()
        self._gate.close()
        for made in self._made:
            made.remove()


def workloads() -> Iterator[Workloads]:
    """Yield the maker of one test's cells; the fixture ``cells`` of conftest.py."""
    made = Workloads(Path(CGROUPFS, PARENT))
    try:
        yield made
    finally:
        made.remove()


@contextmanager
def loaded(times: Times) -> Iterator[Workloads]:
    """Run a scheduler with these times, for the cells of one test."""
    loader.stop()
    assert loader.start(times=times)
    try:
        with contextmanager(workloads)() as cells:
            yield cells
    finally:
        loader.stop()
