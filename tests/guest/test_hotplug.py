# SPDX-License-Identifier: Apache-2.0
"""CPUs that come and go under load, tasks that were bound to them included; own CPUs as well."""

from __future__ import annotations

from pathlib import Path

import irq_work
import pytest
from busy_host import busy
from cells import Workload, Workloads
from converge import Task, converge, demand_progress, task_use
from waiting import until

from ocihook.sched import loader

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.machine("unplugged"),
    pytest.mark.usefixtures("scheduler"),
]

ONLINE = Path("/sys/devices/system/cpu/cpu1/online")
ROUNDS = 2


def demand_all(made: list[Workload], narrow: int) -> None:
    """Demand that all cells get on, and so does the task that is bound to CPU 1."""
    used_ns = task_use(narrow).run_ns
    demand_progress(made)
    assert task_use(narrow).run_ns > used_ns


def test_cpus_come_and_go_under_load(cells: Workloads) -> None:
    """CPU 1 of 2 goes with a cell's tasks on it, some of which may run nowhere else."""
    made = [cells("one", 2), cells("other", 3), cells("confined", 2, cpus="1")]
    (narrow,) = made[0].burn(1, cpus="1")
    cells.begin()
    demand_all(made, narrow)
    try:
        for _ in range(ROUNDS):
            ONLINE.write_text("0")
            # The kernel lets tasks run elsewhere whose CPUs are all gone.
            demand_all(made, narrow)
            ONLINE.write_text("1")
            demand_all(made, narrow)
            assert [irq_work.runs(cpu) for cpu in (0, 1)] == [True, True]
    finally:
        ONLINE.write_text("1")
    # Both CPUs are in use again.
    converge(made, lambda used: sum(used) > 1, cpu_s=0.5, slices=0)


def test_tasks_that_wait_for_a_cpu_that_goes(cells: Workloads) -> None:
    """Bound to it, of the host and of no cpuset, or stopped by a limit on it.

    The kernel waits until none is left there. It once waited until the watchdog ended us.
    """
    limited = cells("limited", 12, quota_us=(2_000, 100_000))
    cells.begin()
    until(lambda: limited.row()["nr_throttled"] > 5, "the limit holds")
    with busy(3, cpus="1") as bound:
        until(lambda: min(task_use(pid).run_ns for pid in bound) > 5e7, "they run")
        try:
            for _ in range(ROUNDS):
                ONLINE.write_text("0")
                demand_progress([Task(pid) for pid in bound])
                ONLINE.write_text("1")
        finally:
            ONLINE.write_text("1")
    assert loader.is_running()


def test_owner_outlives_its_cpu(cells: Workloads) -> None:
    """Offline, the own CPU is no cell's; the owner shares the others. Online, it is the owner's."""
    mine = cells("owner", own_list=1 << 1)
    others = cells("others", 2)
    mine.burn(2)
    cells.begin()
    until(lambda: min(mine.use().run_ns, others.use().run_ns) > 2e8, "both are busy")
    try:
        ONLINE.write_text("0")
        # Half of what each is owed of one CPU: half of the usual time tells.
        converge([mine, others], lambda used: min(used) > 0.25, cpu_s=1.5)
    finally:
        ONLINE.write_text("1")
    # On the others it has no claim any more.
    converge([mine, others], lambda used: min(used) > 0.8)
