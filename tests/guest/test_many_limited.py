# SPDX-License-Identifier: Apache-2.0
"""Quotas that throttle many cells, or dozens of tasks: late, and never forgotten.

Where a debt is to be forgiven, the scheduler has its times scaled to a fifth, and the watch is as
much shorter. The real times are kept for ``./dev test --all-kernels``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest
from cells import Workload, Workloads
from converge import task_use
from kernel import kernel_state
from session import THOROUGH
from waiting import ticks, ticks_until, until

from ocihook.sched import loader
from ocihook.sched.times import Times

MS = 1_000_000
SCALE = 1.0 if THOROUGH else 0.2
CELLS = 2500 if THOROUGH else 200
BUSY = 30
SERVED_WITHIN_S = 8
"""Below the 10 s after which a debt is forgiven: a cell that only this gets going is too late."""

ROUNDS = 12 if THOROUGH else 4


@pytest.fixture(scope="module")
def scaled() -> Iterator[None]:
    """Run a scheduler with the times of this module; the next test loads its own."""
    loader.stop()
    assert loader.start(times=Times.scaled(SCALE))
    yield
    loader.stop()


def starved(cells: Workloads, tasks: int, period_ns: int) -> Workload:
    """Begin tasks of a cell with 1 ms of each period for all of them.

    In the cell alone: in cpu.max it would hold for as long after an ejection.
    """
    cell = cells("tiny", tasks, quota_ns=MS, period_ns=period_ns)
    cells.begin()
    return cell


@pytest.mark.once
@pytest.mark.alone
@pytest.mark.parametrize("limited", [4, CELLS] if THOROUGH else [CELLS])
def test_many_cells_some_or_all_limited(limited: int, cells: Workloads) -> None:
    """Of hundreds of cells 30 are busy and throttled most of the time: none of them stalls.

    Each is served again and again, by the real times.

    200 cells show it as 2,500 do. Dispatch looks only at cells whose tasks wait. The timer goes
    through all 64 words of ``throttled_cells`` in either case, and looks at the bits that are set,
    which only busy cells have. So the cost follows the 30, which are spread over three words here:
    every sixth of the slots.
    """
    made = []
    stride = CELLS // BUSY if limited == CELLS else 1
    for i in range(CELLS):
        quota_ns, period_ns = (2 * MS, 100 * MS) if i < limited else (0, 0)
        busy = i % stride == 0 and i // stride < BUSY
        made.append(cells(f"c{i}", 2 if busy else 0, quota_ns=quota_ns, period_ns=period_ns))
    chosen = made[: BUSY * stride : stride]
    assert [len(cell.tasks()) for cell in chosen] == [2] * BUSY
    cells.begin()
    throttled = chosen[:limited]
    until(lambda: all(cell.cell().nr_throttled for cell in throttled), "each to be throttled")
    for _ in range(ROUNDS):
        since_ns = time.monotonic_ns()
        late = list(range(BUSY))
        for _ in ticks_until(SERVED_WITHIN_S):
            late = [i for i in late if chosen[i].cell().served_ns <= since_ns]
            if not late:
                break
        assert not late, "cells that no CPU served"
    assert kernel_state() == "enabled"
    for i, cell in enumerate(chosen):
        assert bool(cell.cell().nr_throttled) == (i < limited), i


@pytest.mark.kernel
@pytest.mark.usefixtures("scaled")
def test_the_smallest_quota_does_not_reach_the_watchdog(cells: Workloads) -> None:
    """1 ms a second for 50 tasks: each would wait for minutes, and the kernel ejects before."""
    cell = starved(cells, 50, 1000 * MS)
    pids = cell.tasks()
    # The 30 s of the watchdog and a little, scaled.
    for _ in ticks(35 * SCALE):
        assert kernel_state() == "enabled"
    assert cell.tasks() == pids
    assert len(pids) == 50
    assert os.cpu_count() == 2
    assert min(task_use(pid).run_ns for pid in pids) > 0
    most_ns = 45e9 * SCALE
    assert cell.use().run_ns < most_ns, (
        "less than two thirds of the CPUs, though each task had its turn"
    )


@pytest.mark.once
@pytest.mark.alone
@pytest.mark.usefixtures("scaled")
def test_forgiven_debt_outlasts_a_period(cells: Workloads) -> None:
    """A turn for each of so many tasks takes longer on two CPUs than from one refill to the next.

    By the scaled times the debt is forgiven again after 2 s, so 120 tasks use up their 2.4 s of CPU
    time before that. Then their period is half of what 200 tasks and the real times have.
    """
    tasks, period_ns = (200, 1000 * MS) if THOROUGH else (120, 500 * MS)
    cell = starved(cells, tasks, period_ns)

    def spent() -> bool:
        return cell.cell().budget_ns <= 0

    until(spent, "the budget to be spent", timeout_s=20, step_s=0.02)
    until(lambda: cell.cell().budget_ns > 2000 * MS, "the forgiving", timeout_s=20, step_s=0.02)
    began_s = time.monotonic()
    until(spent, "the budget to be spent again", timeout_s=20, step_s=0.02)
    assert time.monotonic() - began_s > 1.1 * period_ns / 1e9, "more than a period"
