# SPDX-License-Identifier: Apache-2.0
"""What neither many threads nor sleep nor a weight of 1 changes, and what the host is owed."""

from __future__ import annotations

import os
import time

import pytest
from bundle import burn
from conftest import Make, cells_of
from load import cpus_used, freeze, run_all, share_of_host

from ocihook._bpf.pinned_array import PinnedArray
from ocihook.abi import Cell
from ocihook.sched import loader

RUNNING = pytest.mark.usefixtures("scheduler")

WATCHED_S = 12
LONGEST_S = 4
"""Four times STALL_NS of bpf/maps.bpf.h, for a slow machine."""


@RUNNING
def test_eight_threads_get_no_more_than_one(make: Make) -> None:
    """On one CPU, of the same weight: half each, and not a ninth."""
    one = make("crun", "one", burn(1), cpu={"cpus": "1"})
    eight = make("runc", "eight", burn(8), cpu={"cpus": "1"})
    run_all([one, eight])
    used = cpus_used([one, eight], 10)
    assert used[1] / used[0] == pytest.approx(1, rel=0.15), used


@RUNNING
def test_sleep_saves_nothing_up(make: Make) -> None:
    """Awake again, it gets its half; what it did not use meanwhile would be all for 6 s."""
    tasks = os.cpu_count() or 1
    sleeper, busy = make("crun", "sleeper", burn(tasks)), make("runc", "busy", burn(tasks))
    run_all([sleeper, busy])
    freeze(sleeper, True)
    time.sleep(6)
    freeze(sleeper, False)
    used = cpus_used([sleeper, busy], 3)
    assert used[1] / sum(used) == pytest.approx(0.5, rel=0.25), used


@RUNNING
def test_lightest_cell_is_not_forgotten(make: Make) -> None:
    """Weights 1 to 10000: a slice of the one is worth 10 s of the other and more."""
    tasks = os.cpu_count() or 1
    light, heavy = (
        make(runtime, f"w{weight}", burn(tasks), annotations={"org.ocihook/weight": weight})
        for runtime, weight in (("runc", "1"), ("crun", "10000"))
    )
    run_all([light, heavy])
    (cell,) = cells_of(light.id)
    table = PinnedArray("cells", Cell)
    longest_s, served_ns = 0.0, 0
    changed = began = time.monotonic()
    while (now := time.monotonic()) < began + WATCHED_S:
        if (latest_ns := table.read(cell["cell"])[0].served_ns) != served_ns:
            served_ns, changed = latest_ns, now
        longest_s = max(longest_s, now - changed)
        time.sleep(0.05)
    table.close()
    assert longest_s < LONGEST_S
    used = cpus_used([light, heavy], 3)
    assert used[0] < 0.1 * used[1], used


def test_host_gets_the_share_that_it_was_started_with(make: Make) -> None:
    """Two cells of weight 100 beside a busy host: by the default it would be a third."""
    loader.stop()
    loader.start(host_share=50)
    try:
        made = [make(runtime, runtime, burn(2)) for runtime in ("runc", "crun")]
        run_all(made)
        share = share_of_host(made, 10)
    finally:
        loader.stop()
    assert share == pytest.approx(0.5, rel=0.2), share
