# SPDX-License-Identifier: Apache-2.0
"""What neither many threads nor sleep nor a weight of 1 changes."""

from __future__ import annotations

import os
import time

import pytest
from cells import Workload, Workloads
from converge import demand_ratio
from waiting import until

from ocihook.abi import OCIHOOK_STALL_NS

CPUS = os.cpu_count() or 1

SLEPT_S, JUDGED_S = 5.0, 4.0
"""CPU time. What a sleeper had saved up would be all of the time that is judged."""

WATCHED_S = 18.0
"""CPU time of the heavy cell: nine seconds and more. The light one, of two tasks, is overdue after
four."""

LONGEST_S = 2 * OCIHOOK_STALL_NS / 1e9
"""For a slow machine; and less than the time after which a task is late."""


def ran_s(*made: Workload) -> float:
    """Return the CPU time of the cells together."""
    return sum(cell.use().run_ns for cell in made) / 1e9


def wait_for_cpu_time(seconds: float, *made: Workload) -> None:
    """Wait until the cells together have run for so long."""
    began_s = ran_s(*made)
    until(lambda: ran_s(*made) - began_s >= seconds, f"{seconds:g} s of CPU time")


@pytest.mark.once
@pytest.mark.alone
def test_eight_threads_get_no_more_than_one(cells: Workloads) -> None:
    """On one CPU, of the same weight: half each, and not a ninth."""
    one, eight = cells("one", 1, cpus="1"), cells("eight", 8, cpus="1")
    cells.begin()
    demand_ratio(one, eight, 1, rel=0.15)


@pytest.mark.kernel
def test_sleep_saves_nothing_up(cells: Workloads) -> None:
    """Awake again beside two that were busy all the time, it gets its third.

    What it saved up would end some time, and the figure of a longer time would be right again:
    so this one is taken over a stretch that is shorter than the sleep.
    """
    sleeper, *busy = (cells(name, CPUS) for name in ("sleeper", "busy", "other"))
    cells.begin()
    wait_for_cpu_time(0.5, sleeper)
    sleeper.freeze(True)
    wait_for_cpu_time(SLEPT_S, *busy)
    sleeper.freeze(False)
    before_s = ran_s(sleeper)
    wait_for_cpu_time(JUDGED_S, sleeper, *busy)
    assert (ran_s(sleeper) - before_s) / JUDGED_S == pytest.approx(1 / 3, rel=0.25)


@pytest.mark.kernel
def test_lightest_cell_is_not_forgotten(cells: Workloads) -> None:
    """Weights 1 to 10000: a slice of the one is worth 10 s of the other and more."""
    light, heavy = cells("light", CPUS, weight=1), cells("heavy", CPUS, weight=10_000)
    cells.begin()
    until(lambda: min(ran_s(light), ran_s(heavy)) > 0, "the first slice of each")
    longest_s, served_ns = 0.0, 0
    changed_s = time.monotonic()
    began_s = (ran_s(light), ran_s(heavy))

    def watched() -> bool:
        nonlocal changed_s, longest_s, served_ns
        now_s = time.monotonic()
        if (latest_ns := light.cell().served_ns) != served_ns:
            served_ns, changed_s = latest_ns, now_s
        longest_s = max(longest_s, now_s - changed_s)
        return longest_s >= LONGEST_S or ran_s(heavy) - began_s[1] >= WATCHED_S

    until(watched, f"{WATCHED_S:g} s of the heavy cell")
    assert longest_s < LONGEST_S
    used = (ran_s(light) - began_s[0], ran_s(heavy) - began_s[1])
    assert 0 < used[0] < 0.1 * used[1], used
