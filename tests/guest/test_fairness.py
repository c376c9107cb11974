# SPDX-License-Identifier: Apache-2.0
"""What neither many threads nor sleep change."""

from __future__ import annotations

import os

import pytest
from cells import Workload, Workloads
from converge import demand_ratio
from waiting import until

CPUS = os.cpu_count() or 1

SLEPT_S, JUDGED_S = 5.0, 4.0
"""CPU time. What a sleeper had saved up would be all of the time that is judged."""


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


@pytest.mark.once
@pytest.mark.alone
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
