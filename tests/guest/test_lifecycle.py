# SPDX-License-Identifier: Apache-2.0
"""A container's cell comes before its first instruction and goes with its cgroup."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from bundle import BURN, Container, Make, ask_cell
from cells import Workloads, cells_of
from hook_calls import identity, only_cell, wait_for_end_of_cells
from waiting import until

from ocihook._bpf.pinned import cell_of, sweep, unregister
from ocihook.abi import CellRelease
from ocihook.paths import CELL_MARK, CGROUPFS
from ocihook.sched.cells import list_cells

pytestmark = pytest.mark.usefixtures("scheduler")

SLEEP = ("/bin/sleep", "1000")


def settle() -> None:
    """Wait until no slot drains: the next cell gets the first one that is free."""

    def settled() -> bool:
        sweep()
        return all(cell["state"] == "live" for cell in list_cells())

    until(settled, "the end of draining cells", seen=list_cells)


def demand_cell_of_created(container: Container) -> dict[str, Any]:
    """Demand that the created container has its cell and its mark; return the cell."""
    cell = only_cell(container)
    assert container.stdout == "", "the workload has not run yet"
    assert cell["cgid"] == container.cgroup.stat().st_ino
    assert cell["cgroup"] == f"/{container.cgroup.relative_to(CGROUPFS)}"
    mark = os.getxattr(container.cgroup, CELL_MARK)
    assert b'"weight":77' in mark
    assert container.id.encode() in mark
    return cell


def demand_that_tasks_follow_moves(container: Container) -> None:
    """Demand that a task of the host is in the cell where its cgroup is, and only there."""
    slot, generation, _ = identity(container)
    nested = container.cgroup / "nested" / "deeper"
    nested.mkdir(parents=True)
    task = subprocess.Popen(BURN)

    def move(cgroup: Path, reached: int) -> None:
        (cgroup / "cgroup.procs").write_text(str(task.pid))
        until(
            lambda: cell_of(task.pid).cell == reached,
            f"cell {reached} of a task moved to {cgroup}",
            seen=lambda: cell_of(task.pid),
        )

    try:
        move(container.cgroup, slot)
        move(Path(CGROUPFS), 0)
        move(nested, slot)
        found = cell_of(task.pid)
        assert found.cgid == nested.stat().st_ino
        assert found.generation == generation
    finally:
        task.kill()
        task.wait()
    nested.rmdir()
    nested.parent.rmdir()


def demand_that_released_tasks_are_the_hosts(container: Container) -> None:
    """Release the cell and nothing else: tasks, cgroup and container go on."""
    assert unregister(CellRelease(cgid=container.cgroup.stat().st_ino)) == 1
    assert cells_of(container.id) == []
    (pid, *_) = (container.cgroup / "cgroup.procs").read_text().split()
    until(lambda: cell_of(int(pid)).cell == 0, "the released task in the host's cell")
    # Nothing waits in its queue any more: the slot drains and can be freed.
    settle()
    assert container.id not in {cell["container"] for cell in list_cells()}


@pytest.mark.runtime
@pytest.mark.quick
def test_from_the_first_instruction_to_rmdir_and_again(runtime: str, make: Make) -> None:
    """createRuntime alone registers: no other hook could mend it later.

    The second life is that of an id after a crash of the engine, whose poststop never ran.
    """
    settle()
    weight = {"org.ocihook/weight": "77"}
    first = ("createRuntime", "poststop")
    container = make(runtime, command=ask_cell(), stages=first, annotations=weight).create()
    created = demand_cell_of_created(container)
    container.start()
    slot, generation, cgid = (int(number) for number in container.wait_for_output().split())
    assert slot != 0, "the workload started in the host's cell"
    assert (slot, generation, cgid) == identity(container)
    assert (slot, generation, cgid) == tuple(
        created[name] for name in ("cell", "generation", "cgid")
    )
    demand_that_tasks_follow_moves(container)
    container.kill_tasks()
    assert len(cells_of(container.id)) == 1, "the cell lives as long as the cgroup"
    container.cgroup.rmdir()
    wait_for_end_of_cells(container)
    settle()

    shutil.rmtree(container.kept)
    document = container.document()
    document["annotations"] = {}
    document["linux"]["resources"]["cpu"] = {"shares": 512}
    container.write(document)
    container.set_command(BURN)
    container.set_hooks(("createRuntime",))
    container.run()
    again = only_cell(container)
    assert again["cgid"] == container.cgroup.stat().st_ino
    assert again["cell"] == slot, "the slot is used again"
    assert again["generation"] > generation
    assert again["cgid"] != cgid
    # Whatever formula the runtime turned shares into a weight by, the cgroup's weight counts.
    configured = int((container.cgroup / "cpu.weight").read_text())
    assert configured != 100
    assert again["weight"] == configured
    demand_that_released_tasks_are_the_hosts(container)


@pytest.mark.runtime
def test_killed_runtime_leaves_nothing(runtime: str, make: Make) -> None:
    """SIGKILL a runtime in the foreground; then only the cgroup is cleaned up."""
    container = make(runtime, command=SLEEP)
    process = subprocess.Popen(
        [runtime, "run", "--bundle", os.fspath(container.bundle), container.id],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until(lambda: cells_of(container.id), "the cell")
    process.kill()
    process.wait()
    container.kill_tasks()
    container.cgroup.rmdir()
    wait_for_end_of_cells(container)


@pytest.mark.kernel
def test_lone_busy_task_is_charged_to_the_cell_it_moved_to(cells: Workloads) -> None:
    """Nothing competes with it, so nothing takes it off its CPU and puts it back."""
    cell = cells("lone")
    before = cell.row()["run_ns"]
    task = subprocess.Popen(BURN)
    try:
        running = Path("/proc", str(task.pid), "schedstat")
        until(lambda: int(running.read_text().split()[0]) > 0.5e9, "half a second of the task")
        (cell.cgroup / "cgroup.procs").write_text(str(task.pid))
        until(lambda: cell.row()["run_ns"] - before > 1e9, "a second of the cell", seen=cell.row)
    finally:
        task.kill()
        task.wait()
