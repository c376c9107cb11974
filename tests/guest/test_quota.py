# SPDX-License-Identifier: Apache-2.0
"""cpu.max: held for our tasks, alone and beside load."""

from __future__ import annotations

import os
from typing import Any

import pytest
from bundle import Make, burn
from busy_host import Host
from cells import Workloads, cells_of
from converge import Party, converge, demand_cpus
from waiting import ticks

from ocihook.sched.cell_set import change_cell
from ocihook.sched.change import Change

pytestmark = pytest.mark.usefixtures("scheduler")

MS = 1_000_000
CPUS = os.cpu_count() or 1
HALF = (50_000, 100_000)
CPU_S = 1.5
"""Of half a CPU, that is 30 periods of a budget which is filled, spent and waited for."""

NAPPER = "import time\nprint('up', flush=True)\nwhile 1: time.sleep(0.3)"
"""A task that wakes up every third period, for nearly nothing."""


def demand_throttled(row: dict[str, Any]) -> None:
    """Demand what a cell shows that was held at ``HALF`` for a while."""
    assert row["quota"] == {"quota_us": 50_000, "period_us": 100_000, "burst_us": 0}
    assert row["nr_throttled"] > 20
    # Nearly each period is one: it is busy all the time.
    assert 0.7 * row["nr_periods"] < row["nr_throttled"] <= row["nr_periods"] + 1
    assert row["throttled_ns"] > 1e9


def demand_half(limited: Party, hogs: Party, rel: float, rest: float) -> None:
    """Demand that one party is held at ``HALF``, and the other gets the rest: ``rest`` of 1.5 CPUs.

    Less the host's time: on a loaded machine, it is this measurement that takes it.
    """

    def bound(used: list[float]) -> bool:
        left = CPUS - used[0] - used[2]
        return abs(used[0] - 0.5) <= rel * 0.5 and used[1] > rest / (CPUS - 0.5) * left

    converge([limited, hogs, Host()], bound, judged=[limited, hogs], cpu_s=CPU_S)


@pytest.mark.kernel
@pytest.mark.quick
def test_quota_holds_alone_and_under_load(cells: Workloads) -> None:
    limited = cells("limited", 3, quota_us=HALF)
    cells.begin()
    demand_cpus(limited, 0.5, rel=0.12, cpu_s=CPU_S)
    hogs = cells("hogs", CPUS)
    demand_half(limited, hogs, rel=0.12, rest=1.25)
    demand_throttled(limited.row())


@pytest.mark.runtime
def test_quota_of_a_container_holds(runtime: str, make: Make) -> None:
    """The runtime's document reaches the cell, and the cell is held, beside another container."""
    cpu = {"quota": HALF[0], "period": HALF[1]}
    limited = make(runtime, "limited", burn(3), cpu=cpu).create()
    assert (limited.cgroup / "cpu.max").read_text().split() == ["50000", "100000"]
    hogs = make(runtime, "hogs", burn(CPUS)).create()
    for container in (limited, hogs):
        container.start()
    demand_half(limited, hogs, rel=0.12, rest=1.25)
    (row,) = cells_of(limited.id)
    demand_throttled(row)


@pytest.mark.once
@pytest.mark.alone
def test_quota_is_the_cells_and_not_a_tasks(cells: Workloads) -> None:
    """Pinned to different CPUs, in their queues and not in the cell's: still one budget."""
    limited = cells("limited", quota_us=HALF)
    for cpu in ("0", "1"):
        limited.burn(1, cpus=cpu)
    hogs = cells("hogs", CPUS)
    cells.begin()
    demand_half(limited, hogs, rel=0.2, rest=1.2)


@pytest.mark.once
@pytest.mark.alone
def test_unused_budget_is_kept_up_to_the_burst(cells: Workloads) -> None:
    """Of 20 ms in each period, and a burst: the budget is full at some time, and never over."""
    nappers = {}
    for burst_ms in (0, 20):
        napper = cells(f"burst-{burst_ms}")
        task = napper.start("/usr/bin/python3", "-IS", "-c", NAPPER)
        assert task.stdout
        assert task.stdout.readline() == b"up\n"
        change = Change(quota_us=(20_000, 100_000), burst_us=burst_ms * 1000)
        change_cell(napper.id, change)
        nappers[burst_ms] = napper
    # Twenty periods, and five times as long as a budget without an end takes to be beyond it.
    seen = [{ms: napper.cell().budget_ns for ms, napper in nappers.items()} for _ in ticks(2, 0.02)]
    for burst_ms, most_ms in ((0, 20), (20, 40)):
        budgets_ns = [sample[burst_ms] for sample in seen]
        # A slice of 5 ms is charged in advance and given back, perhaps after a period's beginning.
        assert (most_ms - 10) * MS < max(budgets_ns) <= (most_ms + 5) * MS, budgets_ns
