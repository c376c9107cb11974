# SPDX-License-Identifier: Apache-2.0
"""cpu.max: held for our tasks, alone and beside load."""

from __future__ import annotations

import pytest
from bundle import burn
from conftest import Make, cells_of
from load import cpus_used

pytestmark = pytest.mark.usefixtures("scheduler")

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
