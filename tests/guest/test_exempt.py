# SPDX-License-Identifier: Apache-2.0
"""Tasks that no limit stops: those that the watchdog would not wait for, and those that die.

Where tasks are to be late, the scheduler has its times scaled to a fifth, and the watch is as much
shorter. The real times are kept for ``./dev test --all-kernels``.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest
from cells import SPIN, Workload, Workloads
from command import command
from converge import demand_cpus, task_use
from kernel import kernel_state
from session import THOROUGH
from waiting import ticks, until

from ocihook.sched import loader
from ocihook.sched.times import Times

MS = 1_000_000
SCALE = 1.0 if THOROUGH else 0.2
TASKS = 50
CROWD = 400 if THOROUGH else 80


@pytest.fixture(scope="module")
def scaled() -> Iterator[None]:
    """Run a scheduler with the times of this module; the next test loads its own."""
    loader.stop()
    assert loader.start(times=Times.scaled(SCALE))
    yield
    loader.stop()


def starved(cells: Workloads) -> Workload:
    """Begin tasks of a cell, and then leave 1 ms a second for all of them.

    In the cell alone: in cpu.max it would hold for as long after an ejection.
    """
    cell = cells("tiny", TASKS)
    cells.begin()
    until(lambda: min(task_use(pid).run_ns for pid in cell.tasks()) > 3e7, "all of them to run")
    command("cells", "set", cell.id, "--quota", "1000/1000000")
    return cell


def demand_attached(seconds: float) -> None:
    """Watch for as long that the kernel does not eject the scheduler."""
    for _ in ticks(seconds):
        assert kernel_state() == "enabled"


@pytest.mark.kernel
@pytest.mark.usefixtures("scheduler")
def test_killed_tasks_die_at_once(cells: Workloads) -> None:
    """By their limit of 1 ms a second they would die one by one, when each is late: after 20 s."""
    cell = starved(cells)
    until(lambda: cell.cell().nr_throttled, "the limit")
    began_s = time.monotonic()
    for pid in cell.tasks():
        os.kill(pid, signal.SIGKILL)
    until(lambda: not cell.tasks(), "the end of all")
    assert time.monotonic() - began_s < 10


@pytest.mark.kernel
@pytest.mark.usefixtures("scaled")
def test_the_smallest_quota_does_not_reach_the_watchdog(cells: Workloads) -> None:
    """1 ms a second for 50 tasks: each would wait for minutes, and the kernel ejects before.

    Each has a turn when it is late; turns are ticks of 4 ms, and longer ones if emulated.
    """
    cell = starved(cells)
    pids = cell.tasks()
    before = {pid: task_use(pid).run_ns for pid in pids}
    began = cell.use()
    # The 30 s of the watchdog and a little, scaled.
    demand_attached(35 * SCALE)
    until(
        lambda: all(task_use(pid).run_ns > before[pid] for pid in pids),
        "a turn of each",
        seen=kernel_state,
    )
    assert cell.tasks() == pids
    assert len(pids) == TASKS
    ended = cell.use()
    times = (ended.at_ns - began.at_ns) / (35 * SCALE * 1e9)
    assert ended.run_ns - began.run_ns < times * TASKS * 40 * MS, "ten turns, in the time of two"


@pytest.mark.once
@pytest.mark.alone
@pytest.mark.usefixtures("scaled")
def test_a_limit_holds_against_a_crowd(cells: Workloads) -> None:
    """10 %, and a turn of each takes 16 s of 20 after which one is late (scaled, 3.2 s of 4)."""
    crowd = cells("crowd", CROWD, quota_us=(10_000, 100_000))
    cells.begin()
    demand_cpus(crowd, 0.1, rel=0.05, cpu_s=1.0, slices=0)


@pytest.mark.once
@pytest.mark.alone
@pytest.mark.usefixtures("scaled")
def test_low_priority_below_a_limit(cells: Workloads) -> None:
    """By its weight, nice 19 beside 50 others below 10 % would wait for a minute."""
    cell = cells("nice", TASKS)
    low = cell.start("nice", "-n19", "/bin/sh", "-c", f"read _; {SPIN}")
    until(lambda: len(cell.tasks()) == TASKS + 1, "all tasks")
    cells.begin()
    until(lambda: min(task_use(pid).run_ns for pid in cell.tasks()) > 1e6, "all of them to begin")
    (cell.cgroup / "cpu.max").write_text("10000 100000")
    until(lambda: cell.cell().nr_throttled, "the limit")
    before = task_use(low.pid).run_ns
    demand_attached(35 * SCALE)
    assert task_use(low.pid).run_ns > before
