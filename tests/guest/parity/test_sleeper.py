# SPDX-License-Identifier: Apache-2.0
"""A task that sleeps most of the time goes before a busy one of its own cell."""

from __future__ import annotations

import pytest
from cells import Workloads
from waiting import until

from ocihook._bpf.pinned_array import PinnedArray
from ocihook.abi import CellWaits
from ocihook.sched.waits import below_us

pytestmark = [pytest.mark.once, pytest.mark.alone, pytest.mark.usefixtures("scheduler")]

SLEEPS = "import time\nwhile True: time.sleep(0.02)"


def test_a_sleeper_beside_a_busy_task_of_its_cell(cells: Workloads) -> None:
    """On one CPU. It waited for the end of the other's slice: 1.6 to 5.3 ms, and not 0.2."""
    cell = cells("both", 1, cpus="0")
    cells.begin()
    cell.start("/usr/bin/python3", "-c", SLEEPS, cpus="0")

    def buckets() -> tuple[int, ...]:
        table = PinnedArray("cell_waits", CellWaits)
        try:
            return tuple(table.read(cell.slot)[0].buckets)
        finally:
            table.close()

    until(lambda: sum(buckets()) > 100, "the program has begun")
    before = buckets()
    until(lambda: sum(buckets()) - sum(before) >= 300, "300 wake-ups")
    waits = [now - then for now, then in zip(buckets(), before, strict=True)]
    # A tick of the busy one's slice is 4000 us.
    assert (below_us(waits, 50) or 1 << 30) <= 1024, waits
