# SPDX-License-Identifier: Apache-2.0
"""Who gets how much, and where: by the CPU time that the kernel counted."""

from __future__ import annotations

import os

import pytest
from bundle import Make, burn
from busy_host import Host, busy
from cells import Workload, Workloads, cells_of
from converge import Task, converge, demand_cpus, demand_ratio
from load import cpus_seen, tasks_of

from ocihook.sched.cells import list_cells

pytestmark = pytest.mark.usefixtures("scheduler")

CPUS = os.cpu_count() or 1


def counted_ns(cells: list[Workload]) -> list[int]:
    """Return how long the cells ran by the scheduler's own counters."""
    return [sum(cell.run_ns()) for cell in cells]


@pytest.mark.kernel
@pytest.mark.quick
def test_weights_share_the_same_cpus(cells: Workloads) -> None:
    """100 to 300 within 10 %, both with tasks for every CPU; by our counters as well."""
    pair = [cells("light", CPUS, weight=100), cells("heavy", CPUS, weight=300)]
    before = counted_ns(pair)
    cells.begin()
    demand_ratio(*pair, 3, rel=0.10)
    light, heavy = (after - start for start, after in zip(before, counted_ns(pair), strict=True))
    assert heavy / light == pytest.approx(3, rel=0.10), (light, heavy)


@pytest.mark.runtime
def test_weights_hold_for_containers(make: Make) -> None:
    """The same from end to end: annotations, two runtimes, their hooks."""
    light = make("runc", "light", burn(CPUS), annotations={"org.ocihook/weight": "100"})
    heavy = make("crun", "heavy", burn(CPUS), annotations={"org.ocihook/weight": "300"})
    for container in (light.create(), heavy.create()):
        container.start()
    demand_ratio(light, heavy, 3, rel=0.10)


@pytest.mark.once
@pytest.mark.alone
def test_many_tasks_get_no_more_than_few(cells: Workloads) -> None:
    """A cell of 8 tasks beside one of a task a CPU, of the same weight: half each."""
    few, many = cells("few", CPUS), cells("many", 8)
    cells.begin()
    demand_ratio(few, many, 1, rel=0.10)


@pytest.mark.once
@pytest.mark.alone
def test_idle_cells_leave_the_cpus_to_the_busy(cells: Workloads) -> None:
    """Work is conserved: one busy cell beside a sleeping one gets everything."""
    idle, used = cells("idle"), cells("busy", CPUS)
    idle.start("/bin/sleep", "1000")
    cells.begin()
    converge([used], lambda cpus: cpus[0] > 0.9 * CPUS, slices=0)


@pytest.mark.once
@pytest.mark.alone
def test_tasks_of_the_root_count_as_siblings(cells: Workloads) -> None:
    """Four of them beside the cells' parent of weight 100: a fifth of the machine for each."""
    made = [cells(f"c{i}", 2) for i in range(2)]
    with busy(4):
        cells.begin()
        converge([Host(), *made], lambda used: 0.95 * 0.8 <= used[0] / sum(used) <= 1.05 * 0.8)


@pytest.mark.once
@pytest.mark.alone
def test_cpuset_confines(cells: Workloads) -> None:
    """By the kernel's counters, by ours on each CPU, and by where its tasks are seen."""
    confined = cells("confined", 3, cpus="1")
    assert confined.row()["cpus"] == "1"
    # A task that moves itself in runs on for a moment, on the CPU that it is on.
    before = confined.run_ns()
    cells.begin()
    demand_cpus(confined, 1, rel=0.1)
    assert cpus_seen(confined.tasks(), 1) == {1}
    by_cpu = [now - then for now, then in zip(confined.run_ns(), before, strict=True)]
    assert by_cpu[1] > 3e9
    assert sum(by_cpu) == by_cpu[1]


@pytest.mark.runtime
def test_cpuset_of_a_container_confines(runtime: str, make: Make) -> None:
    """The runtime's document reaches cgroup and cell."""
    confined = make(runtime, "confined", burn(3), cpu={"cpus": "1"}).run()
    (cell,) = cells_of(confined.id)
    assert cell["cpus"] == "1"
    assert cpus_seen(tasks_of(confined.cgroup), 1) == {1}


@pytest.mark.once
@pytest.mark.alone
def test_confined_and_free_cells_share_fairly(cells: Workloads) -> None:
    """One cell on CPU 1, one on both, same weight: each gets a CPU's worth of two."""
    confined, free = cells("confined", 2, cpus="1"), cells("free", 2)
    cells.begin()
    demand_ratio(free, confined, 1, rel=0.15)


@pytest.mark.once
@pytest.mark.alone
def test_more_busy_cells_than_cpus(cells: Workloads) -> None:
    """20 cells on 2 CPUs: none is forgotten, each gets the average within 15 %."""
    made = [cells(f"c{i}", 1) for i in range(20)]
    cells.begin()

    def bound(used: list[float]) -> bool:
        average = sum(used) / len(used)
        return min(used) > 0.85 * average and max(used) < 1.15 * average

    # 1 s of each is 20 s of CPU time, and five times as many slices as are asked for.
    converge(made, bound, cpu_s=1.0)
    live = [cell for cell in list_cells() if cell["state"] == "live" and cell["cell"] != 0]
    assert len(live) == 20


@pytest.mark.once
@pytest.mark.alone
def test_narrow_task_runs_beside_its_cell(cells: Workloads) -> None:
    """A task pinned to one CPU of its cell's two neither starves nor takes the CPU over."""
    cell = cells("wide", 4)
    (narrow,) = cell.burn(1, cpus="0")
    cells.begin()
    # Of 2 CPUs for 5 equal tasks, 0.4 would be its fair part.
    converge([Task(narrow)], lambda used: 0.1 < used[0] < 0.7)
