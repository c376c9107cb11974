# SPDX-License-Identifier: Apache-2.0
"""Many cells that are throttled most of the time: each is served again and again."""

from __future__ import annotations

import time

import pytest
from cells import Workloads
from kernel import kernel_state
from session import THOROUGH
from waiting import ticks_until, until

MS = 1_000_000
CELLS = 2500 if THOROUGH else 200
BUSY = 30
SERVED_WITHIN_S = 8
"""Below the 10 s after which a debt is forgiven: a cell that this alone lets go is too late."""

ROUNDS = 12 if THOROUGH else 4


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
