# SPDX-License-Identifier: Apache-2.0
"""Weights, nice and cpusets hold for tasks that may not run everywhere; none of them starves."""

from __future__ import annotations

import pytest
from cells import SPIN, Workloads
from converge import Task, converge, demand_cpus, demand_ratio, task_use
from parity.judge import Leaf, demand_due
from parity.trees import Group, grown
from waiting import until

pytestmark = pytest.mark.usefixtures("scheduler")

LONGEST_TURN_NS = 20_000_000
"""On average, of a task that takes turns with others: a slice of two ticks of 4 ms at most."""


@pytest.mark.kernel
def test_weights_between_bound_tasks() -> None:
    """100 and 900 on CPU 0, while a third one has CPU 1 for itself and runs ahead."""
    bound = (Group("light", 100, tasks=1, cpus="0"), Group("heavy", 900, tasks=1, cpus="0"))
    with grown(*bound, Group("elsewhere", tasks=1, cpus="1")) as tree:
        # CPU 1 has the test's own work as well.
        demand_due(
            {path: tree.parties[path] for path in ("/light", "/heavy")},
            lambda cpus: {"/light": 0.1 * cpus, "/heavy": 0.9 * cpus},
            cpu_s=1.0,
            slices=50,
        )


@pytest.mark.once
@pytest.mark.alone
def test_the_lightest_of_a_cpu_has_its_turn() -> None:
    """Weights 1 and 10000, both bound to CPU 0: the one waits no longer than some seconds."""
    light, heavy = Group("light", 1, tasks=1, cpus="0"), Group("heavy", 10_000, tasks=2, cpus="0")
    with grown(light, heavy) as tree:
        parties: list[Leaf] = list(tree.parties.values())
        until(lambda: parties[1].use().run_ns > 1e9, "the heavy one runs")
        before = parties[0].use().run_ns
        until(lambda: parties[0].use().run_ns > before, "a turn of the light one")
        converge(parties, lambda used: used[0] < 0.05 * used[1], judged=parties[1:], cpu_s=2.0)


@pytest.mark.kernel
def test_nice_between_bound_tasks(cells: Workloads) -> None:
    """nice 0 and nice 19 of one cell on CPU 0: 1024 to 15, by the kernel's table of weights."""
    cell = cells("nice")
    (normal,) = cell.burn(1, cpus="0")
    low = cell.start("nice", "-n19", "/bin/sh", "-c", f"read _; {SPIN}", cpus="0")
    until(lambda: len(cell.tasks()) == 2, "both tasks")
    cells.begin()
    converge(
        [Task(normal), Task(low.pid)],
        lambda used: used[1] < 0.08 * sum(used),
        judged=[Task(normal)],
        cpu_s=2.0,
        slices=0,
    )


@pytest.mark.once
@pytest.mark.alone
def test_many_bound_tasks_get_no_more_than_one(cells: Workloads) -> None:
    """80 of one cell and one of another on CPU 0, more than are weighed: half of it for each.

    In turn: hidden behind the others, the one would have its half in few long pieces.
    """
    many, one = cells("many"), cells("one")
    many.burn(80, cpus="0")
    one.burn(1, cpus="0")
    cells.begin()
    before = one.use()
    demand_ratio(one, many, 1.0, rel=0.12)
    used = one.use()
    turn_ns = (used.run_ns - before.run_ns) / (used.slices - before.slices)
    assert turn_ns < LONGEST_TURN_NS


@pytest.mark.once
@pytest.mark.alone
@pytest.mark.parametrize(("tasks", "percent"), [(2, 20), (100, 5)])
def test_a_limit_beside_a_task_of_the_same_cpu(cells: Workloads, tasks: int, percent: int) -> None:
    """A limit on one cell of CPU 0; the other has all the rest.

    The CPU went idle where the limit stopped the one. And a hundred tasks, more than are weighed,
    hid the task that waited behind them.
    """
    limited, other = cells("limited"), cells("other")
    limited.burn(tasks, cpus="0")
    other.burn(1, cpus="0")
    cells.begin()
    # They come through one gate, whose lock a task that the limit stops in there keeps.
    until(lambda: min(task_use(pid).run_ns for pid in limited.tasks()) > 3e7, "all of them to run")
    (limited.cgroup / "cpu.max").write_text(f"{percent * 1000} 100000")
    until(lambda: limited.cell().nr_throttled, "the limit")
    converge(
        [limited, other],
        lambda used: abs(used[0] - percent / 100) < 0.02 and used[1] > 0.96 - percent / 100,
        judged=[other],
        cpu_s=3.0,
        slices=0,
    )


@pytest.mark.kernel
def test_a_cpuset_that_grows_is_followed(cells: Workloads) -> None:
    """From CPU 0 to both, as `podman update --cpuset-cpus` writes it: no word to the scheduler."""
    cell = cells("grows", 2, cpus="0")
    cells.begin()
    demand_cpus(cell, 1, rel=0.1, cpu_s=1.0, slices=20)
    (cell.cgroup / "cpuset.cpus").write_text("0-1")
    converge([cell], lambda used: used[0] > 1.6, cpu_s=1.0, slices=0)


@pytest.mark.once
@pytest.mark.alone
def test_guests_that_waited_before_there_was_an_owner(cells: Workloads) -> None:
    """Six busy tasks with a cpuset of CPU 1, which then becomes another cell's own."""
    guests = cells("guests", 6, cpus="1")
    cells.begin()
    until(lambda: guests.use().run_ns > 5e8, "the guests run")
    owner = cells("owner", 4, own_list=0b10)
    before = {pid: task_use(pid).run_ns for pid in guests.tasks()}
    until(
        lambda: all(task_use(pid).run_ns > run_ns for pid, run_ns in before.items()),
        "a turn of each guest",
    )
    converge([guests, owner], lambda used: used[0] < 0.3 < used[1], judged=[owner], cpu_s=2.0)
