# SPDX-License-Identifier: Apache-2.0
"""A limit holds against tasks that come and go faster than it is looked at."""

from __future__ import annotations

import pytest
from cells import SPIN, Workloads
from converge import demand_cpus, task_use
from waiting import until

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("scheduler")]

FORKS = "while :; do (i=0; while [ $i -lt 20 ]; do i=$((i+1)); done); done"
"""Each child lives some milliseconds of an emulated CPU."""

TASKS = f"exec 3<&0; for i in $(seq 50); do (read _ <&3; {SPIN}) & done; wait"
"""A shell's background commands have no standard input of their own."""


def test_the_work_of_short_lived_children_counts(cells: Workloads) -> None:
    """What a task uses in the slice in which it exits was free, and 20 % were 50 %."""
    limited = cells("limited", quota_us=(20_000, 100_000))
    for _ in range(4):
        limited.start("/bin/sh", "-c", f"read _; {FORKS}")
    cells.begin()
    demand_cpus(limited, 0.2, rel=0.07, cpu_s=1.5, slices=0)


def test_a_limit_above_one_cpu_on_an_idle_machine(cells: Workloads) -> None:
    """At the end of a throttle both CPUs are idle, and both have to come back: else it gets 1."""
    wide = cells("wide", 2, quota_us=(150_000, 100_000))
    cells.begin()
    demand_cpus(wide, 1.5, rel=0.05, cpu_s=6.0, slices=0)


def test_the_lightest_task_below_a_limit_has_its_turn(cells: Workloads) -> None:
    """One of nice 19 beside 50 of nice 0 with 10 % for all: within seconds of time, not of use."""
    cell = cells("lightest", quota_us=(10_000, 100_000))
    cell.start("/bin/sh", "-c", TASKS)
    low = cell.start("nice", "-n19", "/bin/sh", "-c", f"read _; {SPIN}")
    until(lambda: len(cell.tasks()) > 51, "all tasks")
    cells.begin()
    until(lambda: task_use(low.pid).run_ns > 0, "its first turn")
    for _ in range(2):
        before_ns = task_use(low.pid).run_ns
        until(lambda: task_use(low.pid).run_ns > before_ns, "its next turn", timeout_s=25)  # noqa: B023
