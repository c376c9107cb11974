# SPDX-License-Identifier: Apache-2.0
"""Who gets how much, and where: measured over seconds, in CPU time that the kernel counted."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest
from bundle import Container, burn
from conftest import Make, cells_of
from load import cpus_used, run_all, share_of_host, task_ns

from ocihook._bpf.pinned_array import PinnedArray
from ocihook.abi import CellStats
from ocihook.sched.cells import list_cells, possible_cpus

pytestmark = pytest.mark.usefixtures("scheduler")


def run_ns(container: Container) -> int:
    return int(cells_of(container.id)[0]["run_ns"])


def test_weights_share_the_same_cpus(make: Make) -> None:
    """100 to 300 within 10 %, over 20 s, both with tasks for every CPU."""
    tasks = os.cpu_count() or 1
    light = make("runc", "light", burn(tasks), annotations={"org.ocihook/weight": "100"})
    heavy = make("crun", "heavy", burn(tasks), annotations={"org.ocihook/weight": "300"})
    run_all([light, heavy])
    ours = (run_ns(light), run_ns(heavy))
    used = cpus_used([light, heavy], 20)
    assert used[1] / used[0] == pytest.approx(3, rel=0.10), used
    counted = (run_ns(light) - ours[0], run_ns(heavy) - ours[1])
    assert counted[1] / counted[0] == pytest.approx(3, rel=0.10), counted


def test_weight_comes_from_the_cgroup(runtime: str, make: Make) -> None:
    """Whatever formula the runtime turned shares into a weight by, the cgroup's weight counts."""
    container = make(runtime, cpu={"shares": 512}).create()
    configured = int((container.cgroup / "cpu.weight").read_text())
    assert configured != 100
    assert cells_of(container.id)[0]["weight"] == configured


def test_many_tasks_get_no_more_than_few(make: Make) -> None:
    """A cell of 8 tasks beside one of a task a CPU, of the same weight: half each."""
    few = make("crun", "few", burn(os.cpu_count() or 1))
    many = make("runc", "many", burn(8))
    run_all([few, many])
    used = cpus_used([few, many], 10)
    assert used[1] / used[0] == pytest.approx(1, rel=0.10), used


def test_idle_cells_leave_the_cpus_to_the_busy(make: Make) -> None:
    """Work is conserved: one busy cell beside a sleeping one gets everything."""
    tasks = os.cpu_count() or 1
    idle = make("runc", "idle", ("/bin/sleep", "1000"))
    busy = make("crun", "busy", burn(tasks))
    run_all([idle, busy])
    _, used = cpus_used([idle, busy], 5)
    assert used > 0.9 * tasks


def test_host_keeps_its_share(make: Make) -> None:
    """Four cells of weight 100 and a busy host: a fifth for each, 20 % for the host."""
    made = [make(("runc", "crun")[i % 2], f"c{i}", burn(2)) for i in range(4)]
    run_all(made)
    share = share_of_host(made, 10)
    assert share == pytest.approx(0.20, rel=0.20), share


def test_cpuset_confines(runtime: str, make: Make) -> None:
    """By the kernel's counters, by ours on each CPU, and by where its tasks are seen."""
    confined = make(runtime, "confined", burn(3), cpu={"cpus": "1"}).run()
    (cell,) = cells_of(confined.id)
    assert cell["cpus"] == "1"
    seen = set()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        for pid in (confined.cgroup / "cgroup.procs").read_text().split():
            # proc(5): field 39 of stat is the CPU that the task last ran on.
            seen.add(int(Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[36]))
        time.sleep(0.1)
    assert seen == {1}
    stats = PinnedArray("cell_stats", CellStats, copies=possible_cpus().bit_count())
    run_by_cpu = [part.run_ns for part in stats.read(cell["cell"])]
    stats.close()
    assert run_by_cpu[1] > 3e9
    assert sum(run_by_cpu) == run_by_cpu[1]


def test_confined_and_free_cells_share_fairly(make: Make) -> None:
    """One cell on CPU 1, one on both, same weight: each gets a CPU's worth of two."""
    confined = make("crun", "confined", burn(2), cpu={"cpus": "1"})
    free = make("runc", "free", burn(2))
    run_all([confined, free])
    used = cpus_used([confined, free], 10)
    assert used[0] / used[1] == pytest.approx(1, rel=0.15), used


def test_more_busy_cells_than_cpus(make: Make) -> None:
    """20 cells on 2 CPUs for 20 s: none is forgotten, and the scheduler stays."""
    made = [make(("runc", "crun")[i % 2], f"c{i}") for i in range(20)]
    run_all(made)
    used = cpus_used(made, 20)
    live = [cell for cell in list_cells() if cell["state"] == "live" and cell["cell"] != 0]
    assert len(live) == 20
    average = sum(used) / len(used)
    assert min(used) > 0.85 * average, used
    assert max(used) < 1.15 * average, used


def test_narrow_task_runs_beside_its_cell(runtime: str, make: Make) -> None:
    """A task pinned to one CPU of its cell's two neither starves nor takes the CPU over."""
    container = make(runtime, command=burn(4)).run()
    task = subprocess.Popen(["taskset", "-c", "0", *burn(1)])
    try:
        (container.cgroup / "cgroup.procs").write_text(str(task.pid))
        time.sleep(1)
        started, used_ns = time.monotonic_ns(), task_ns(task.pid)
        time.sleep(8)
        share = (task_ns(task.pid) - used_ns) / (time.monotonic_ns() - started)
        # Of 2 CPUs for 5 equal tasks, 0.4 would be its fair part.
        assert 0.1 < share < 0.7, share
    finally:
        task.kill()
        task.wait()
