# SPDX-License-Identifier: Apache-2.0
"""What `list_cells` says of three cells: the host, one that ends, one that is shared."""

from ocihook import cpulist
from ocihook.abi import (
    CELL_DRAINING,
    CELL_FLAG_NO_LEND,
    CELL_LIVE,
    OCIHOOK_WAIT_BUCKETS,
    Cell,
    CellRunNs,
    CellStats,
    CellWaits,
)
from ocihook.sched.cell_row import Counted, describe

WAITS = CellWaits(buckets=(0,) * 4 + (60, 0, 0, 0, 0, 40) + (0,) * (OCIHOOK_WAIT_BUCKETS - 10))
HOST = {
    **describe(
        0,
        Cell(name=b"host", cgid=1, state=CELL_LIVE, generation=1, weight=20000),
        Counted(
            [CellRunNs(run_ns=5_250_000_000), CellRunNs()], [CellStats(nr_runs=7)], CellWaits()
        ),
        0b11,
    ),
    "cgroup": "/",
    "tasks": 90,
}
WEB = describe(
    3,
    Cell(
        name=b"web",
        container=b"c0ffee0123456789",
        cgid=77,
        state=CELL_DRAINING,
        generation=7,
        weight=300,
        restricted=1,
        usable=cpulist.to_words(0b10),
        own=cpulist.to_words(0b10),
        flags=CELL_FLAG_NO_LEND,
        quota_ns=50_000_000,
        period_ns=100_000_000,
        burst_ns=1_000_000,
        nr_periods=4,
        nr_throttled=1,
        throttled_ns=250_000_000,
    ),
    Counted(
        [CellRunNs(), CellRunNs(run_ns=1_500_000)],
        [CellStats(nr_narrow=2), CellStats(nr_runs=2, wait_ns=9_000_000)],
        WAITS,
    ),
    0b11,
)
SHARED = {
    **describe(
        4,
        Cell(name=b"pool", state=CELL_LIVE, weight=100),
        Counted([CellRunNs()], [CellStats()], WAITS),
        0b1,
    ),
    "members": [
        {"container": "aaaa0123456789", "cgid": 8, "cgroup": "/a"},
        {"container": "aabb0123456789", "cgid": 9, "cgroup": None},
    ],
}
CELLS = [HOST, WEB, SHARED]
