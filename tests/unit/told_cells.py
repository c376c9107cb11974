# SPDX-License-Identifier: Apache-2.0
"""What `list_cells` says of five cells, for the metrics."""

from typing import Any

from ocihook import cpulist
from ocihook.abi import (
    CELL_CLAIMING,
    CELL_DRAINING,
    CELL_LIVE,
    OCIHOOK_WAIT_BUCKETS,
    Cell,
    CellRunNs,
    CellStats,
    CellWaits,
)
from ocihook.sched.cell_row import Counted, describe

LAST = OCIHOOK_WAIT_BUCKETS - 1


def row(slot: int, *stats: CellStats, **members: Any) -> dict[str, Any]:
    waits = CellWaits(buckets=members.pop("buckets", (0,) * OCIHOOK_WAIT_BUCKETS))
    runs = [CellRunNs(run_ns=run_ns) for run_ns in members.pop("run_ns", (0, 0))]
    cell = Cell(**{"state": CELL_LIVE, "weight": 100, "cgid": 70 + slot, **members})
    found = describe(slot, cell, Counted(runs, stats, waits), 0b11)
    return {**found, "cgroup": f"/c{slot}", "tasks": 5}


WEB = row(
    3,
    CellStats(nr_runs=2, wait_ns=250, borrowed_ns=10**8, nr_preempted=4),
    CellStats(lent_ns=2 * 10**9, nr_narrow=5, nr_fallbacks=6),
    run_ns=(10**9, 5 * 10**8),
    name=b"web", container=b"c0ffee", weight=300, nr_runnable=4, own=cpulist.to_words(0b10),
    quota_ns=150_000_000, period_ns=100_000_000, throttled_ns=3 * 10**9, nr_throttled=7,
    buckets=(3, 0, 2) + (0,) * (LAST - 3) + (1,),
)  # fmt: skip
POOL = {
    **row(4, name=b"pool", cgid=0),
    "members": [
        {"container": "same", "cgid": 8, "cgroup": "/a"},
        {"container": "same", "cgid": 9, "cgroup": None},
        {"container": "same", "cgid": 10, "cgroup": None},
    ],
}
ROWS = [
    row(0, name=b"host"), WEB, POOL, row(5, state=CELL_DRAINING), row(6, state=CELL_CLAIMING)
]  # fmt: skip
