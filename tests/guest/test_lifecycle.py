# SPDX-License-Identifier: Apache-2.0
"""A container's cell comes before its first instruction and goes with its cgroup."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from bundle import TIMEOUT_S, Container, ask_cell, burn
from conftest import Make, cells_of
from hook_calls import SILENT, call_hook

from ocihook._bpf.pinned import cell_of, sweep, unregister
from ocihook.abi import CellRelease
from ocihook.paths import CELL_MARK
from ocihook.sched.cells import list_cells

pytestmark = pytest.mark.usefixtures("scheduler")


def wait_until_gone(container: str) -> None:
    """Wait for the cell to leave the table; tasks that are still dying keep it draining."""
    deadline = time.monotonic() + TIMEOUT_S
    while cells_of(container):
        assert time.monotonic() < deadline, list_cells()
        time.sleep(0.1)


def test_cell_exists_before_the_first_instruction(runtime: str, make: Make) -> None:
    """createRuntime alone registers: no other hook could mend it later."""
    container = make(runtime, command=ask_cell(), stages=("createRuntime", "poststop"))
    container.create()
    (registered,) = cells_of(container.id)
    assert container.stdout == "", "the workload has not run yet"
    assert registered["cgid"] == container.cgroup.stat().st_ino
    assert registered["cgroup"] == f"/{container.cgroup.relative_to('/sys/fs/cgroup')}"

    container.start()
    slot, generation, cgid = (int(number) for number in container.wait_for_output().split())
    assert slot != 0, "the workload started in the host's cell"
    assert (slot, generation, cgid) == (
        registered["cell"],
        registered["generation"],
        registered["cgid"],
    )


def test_poststart_keeps_the_cell(runtime: str, make: Make) -> None:
    container = make(runtime, command=ask_cell()).create()
    (before,) = cells_of(container.id)
    container.start()
    container.wait_for_output()
    (after,) = cells_of(container.id)
    assert (after["cell"], after["generation"]) == (before["cell"], before["generation"])


def test_poststart_registers_what_create_runtime_did_not(runtime: str, make: Make) -> None:
    container = make(runtime, command=ask_cell(), stages=("poststart", "poststop")).run()
    assert len(cells_of(container.id)) == 1


def test_nested_cgroup_inherits_the_cell(runtime: str, make: Make) -> None:
    container = make(runtime).run()
    (cell,) = cells_of(container.id)
    nested = container.cgroup / "nested" / "deeper"
    nested.mkdir(parents=True)
    task = subprocess.Popen(burn(1))
    try:
        (nested / "cgroup.procs").write_text(str(task.pid))
        time.sleep(0.5)
        found = cell_of(task.pid)
        assert found.cgid == nested.stat().st_ino, "the task has been scheduled since its move"
        assert (found.cell, found.generation) == (cell["cell"], cell["generation"])
    finally:
        task.kill()
        task.wait()
        nested.rmdir()
        nested.parent.rmdir()


def test_task_returns_to_the_host_when_it_leaves(runtime: str, make: Make) -> None:
    container = make(runtime).run()
    task = subprocess.Popen(burn(1))
    try:
        (container.cgroup / "cgroup.procs").write_text(str(task.pid))
        time.sleep(0.5)
        assert cell_of(task.pid).cell == cells_of(container.id)[0]["cell"]
        Path("/sys/fs/cgroup/cgroup.procs").write_text(str(task.pid))
        time.sleep(0.5)
        assert cell_of(task.pid).cell == 0
    finally:
        task.kill()
        task.wait()


def test_lone_busy_task_is_charged_to_the_cell_it_moved_to(make: Make) -> None:
    """Nothing competes with it, so nothing takes it off its CPU and puts it back."""
    container = make("crun", command=("/bin/sleep", "1000")).run()
    (before,) = cells_of(container.id)
    task = subprocess.Popen(burn(1))
    try:
        time.sleep(0.5)
        (container.cgroup / "cgroup.procs").write_text(str(task.pid))
        time.sleep(2)
        (after,) = cells_of(container.id)
        assert after["run_ns"] - before["run_ns"] > 1e9
    finally:
        task.kill()
        task.wait()


def test_poststop_frees_the_cell(runtime: str, make: Make) -> None:
    """The cgroup is kept by hand, so that it is poststop that frees, and not rmdir."""
    container = make(runtime).run()
    nested = container.cgroup / "kept"
    nested.mkdir()
    container.kill_tasks()
    assert len(cells_of(container.id)) == 1
    assert call_hook("poststop", container, "stopped") == SILENT
    assert cells_of(container.id) == []
    assert container.cgroup.exists()
    nested.rmdir()


def test_tasks_of_a_released_cell_are_the_hosts(runtime: str, make: Make) -> None:
    container = make(runtime).run()
    assert unregister(CellRelease(cgid=container.cgroup.stat().st_ino)) == 1
    assert cells_of(container.id) == []
    (pid, *_) = (container.cgroup / "cgroup.procs").read_text().split()
    time.sleep(1)
    assert cell_of(int(pid)).cell == 0
    # Nothing waits in its queue any more: the slot has drained and can be freed.
    sweep()
    assert container.id not in {cell["container"] for cell in list_cells()}


def test_delete_frees_the_cell(runtime: str, make: Make) -> None:
    container = make(runtime).run()
    container.delete()
    assert not container.cgroup.exists()
    wait_until_gone(container.id)


def test_rmdir_alone_frees_the_cell(runtime: str, make: Make) -> None:
    """Nobody calls poststop: the cgroup is removed by hand, as after a crash of the engine."""
    container = make(runtime).run()
    container.kill_tasks()
    assert len(cells_of(container.id)) == 1, "the cell lives as long as the cgroup"
    container.cgroup.rmdir()
    wait_until_gone(container.id)


def test_killed_runtime_leaves_nothing(runtime: str, make: Make) -> None:
    """SIGKILL a runtime in the foreground; then only the cgroup is cleaned up."""
    container = make(runtime)
    process = subprocess.Popen(
        [runtime, "run", "--bundle", os.fspath(container.bundle), container.id],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + TIMEOUT_S
    while not cells_of(container.id):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    container.kill_tasks()
    container.cgroup.rmdir()
    wait_until_gone(container.id)


def test_slot_is_used_again_with_a_new_generation(runtime: str, make: Make) -> None:
    first = make(runtime, "first", ask_cell()).create()
    (before,) = cells_of(first.id)
    first.delete()
    wait_until_gone(first.id)
    second = make(runtime, "second", ask_cell()).create()
    (after,) = cells_of(second.id)
    assert after["cell"] == before["cell"]
    assert after["generation"] > before["generation"]
    assert after["cgid"] != before["cgid"]


def test_concurrent_hooks_give_distinct_cells(make: Make) -> None:
    made = [make(("runc", "crun")[i % 2], f"c{i}", ask_cell()) for i in range(16)]
    with ThreadPoolExecutor(max_workers=16) as pool:
        list(pool.map(Container.create, made))
    ids = {container.id for container in made}
    found = [cell for cell in list_cells() if cell["container"] in ids]
    assert len(found) == 16
    assert {cell["container"] for cell in found} == ids
    assert len({cell["cell"] for cell in found}) == 16
    assert len({cell["cgid"] for cell in found}) == 16


def test_wish_is_marked_on_the_cgroup(runtime: str, make: Make) -> None:
    container = make(runtime, annotations={"org.ocihook/weight": "77"}).create()
    mark = os.getxattr(container.cgroup, CELL_MARK)
    assert b'"weight":77' in mark
    assert container.id.encode() in mark
