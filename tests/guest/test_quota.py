# SPDX-License-Identifier: Apache-2.0
"""cpu.max: held for our tasks, alone and beside load."""

from __future__ import annotations

import time

import pytest
from bundle import burn
from conftest import Make, cells_of
from load import cpus_used

from ocihook._bpf.pinned_array import PinnedArray
from ocihook.abi import Cell
from ocihook.sched.cell_set import change_cell
from ocihook.sched.change import Change

pytestmark = pytest.mark.usefixtures("scheduler")

MS = 1_000_000
NAPPER = "import time\nprint('up', flush=True)\nwhile 1: time.sleep(0.3)"
HALF = {"quota": 50_000, "period": 100_000}


def test_quota_holds_alone_and_under_load(runtime: str, make: Make) -> None:
    limited = make(runtime, "limited", burn(3), cpu=HALF).run()
    alone = cpus_used([limited], 6)
    hogs = make(runtime, "hogs", burn(2)).run()
    loaded = cpus_used([limited, hogs], 6)
    assert alone[0] == pytest.approx(0.5, rel=0.12), alone
    assert loaded[0] == pytest.approx(0.5, rel=0.12), loaded
    assert loaded[1] > 1.25, loaded
    (cell,) = cells_of(limited.id)
    assert cell["quota"] == {"quota_us": 50_000, "period_us": 100_000, "burst_us": 0}
    assert cell["nr_throttled"] > 20
    assert cell["throttled_ns"] > 2e9


def test_quota_is_the_cells_and_not_a_tasks(make: Make) -> None:
    """Pinned to different CPUs, in their queues and not in the cell's: still one budget."""
    loops = "; ".join(f"taskset -c {cpu} sh -c 'while :; do :; done' &" for cpu in (0, 1))
    command = ("/bin/sh", "-c", f"{loops.replace('&;', '&')} wait")
    limited = make("crun", "limited", command, cpu=HALF).run()
    hogs = make("runc", "hogs", burn(2)).run()
    used = cpus_used([limited, hogs], 8)
    assert used[0] == pytest.approx(0.5, rel=0.2), used
    assert used[1] > 1.2, used


@pytest.mark.parametrize(("burst_ms", "most_ms"), [(0, 20), (20, 40)])
def test_what_was_not_used_is_kept_up_to_the_burst(make: Make, burst_ms: int, most_ms: int) -> None:
    """A task that wakes up every third period, for nearly nothing: the budget is full and over."""
    container = make("crun", command=("/usr/bin/python3", "-IS", "-c", NAPPER)).run()
    container.wait_for_output()
    change = Change(quota_us=(20_000, 100_000), burst_us=burst_ms * 1000)
    change_cell(container.id, change)
    time.sleep(3)
    table = PinnedArray("cells", Cell)
    budgets_ns = []
    for _ in range(10):
        budgets_ns.append(table.read(cells_of(container.id)[0]["cell"])[0].budget_ns)
        time.sleep(0.1)
    table.close()
    # A slice of 5 ms is charged in advance, and given back: perhaps after a period's beginning.
    assert (most_ms - 10) * MS < max(budgets_ns) <= (most_ms + 5) * MS, budgets_ns
