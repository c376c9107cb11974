# SPDX-License-Identifier: Apache-2.0
"""What neither many threads nor sleep nor a weight of 1 changes, and what the host is owed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest
from busy_host import Host, busy
from cells import Workload, Workloads, workloads
from converge import converge, demand_ratio
from waiting import until

from ocihook.abi import OCIHOOK_STALL_NS
from ocihook.sched import loader

CPUS = os.cpu_count() or 1

SLEPT_S, JUDGED_S = 5.0, 4.0
"""CPU time. What a sleeper had saved up would be all of the time that is judged."""

WATCHED_S = 12.0
"""CPU time of the heavy cell: six seconds and more."""

LONGEST_S = 4 * OCIHOOK_STALL_NS / 1e9
"""Four times what is allowed, for a slow machine."""


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
    """Awake again, it gets its half.

    What it saved up would end some time, and the figure of a longer time would be right again:
    so this one is taken over a stretch that is shorter than the sleep.
    """
    sleeper, used = cells("sleeper", CPUS), cells("busy", CPUS)
    cells.begin()
    wait_for_cpu_time(0.5, sleeper)
    sleeper.freeze(True)
    wait_for_cpu_time(SLEPT_S, used)
    sleeper.freeze(False)
    before_s = ran_s(used)
    wait_for_cpu_time(JUDGED_S, sleeper, used)
    assert (ran_s(used) - before_s) / JUDGED_S == pytest.approx(0.5, rel=0.25)


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
    assert used[0] < 0.1 * used[1], used


@pytest.fixture
def cells_beside_half() -> Iterator[Workloads]:
    """Run a scheduler that owes the host a half; the next test gets one of its own."""
    loader.stop()
    loader.start(host_share=50)
    try:
        yield from workloads()
    finally:
        loader.stop()


@pytest.mark.once
@pytest.mark.alone
def test_host_gets_the_share_that_it_was_started_with(cells_beside_half: Workloads) -> None:
    """Two cells of weight 100 beside a busy host: by the default it would be a fifth."""
    host, made = Host(), [cells_beside_half(f"c{i}", 2) for i in range(2)]

    def bound(used: list[float]) -> bool:
        return 0.8 * 0.5 <= used[0] / sum(used) <= 1.2 * 0.5

    with busy(4):
        cells_beside_half.begin()
        converge([host, *made], bound, judged=[host])
