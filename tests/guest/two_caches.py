# SPDX-License-Identifier: Apache-2.0
"""Four CPUs in two sockets, each with a last-level cache: a cell has two queues there.

Named so that no session collects it by itself: tests/vm/test_guest.py gives it such a machine.
"""

from __future__ import annotations

import pytest
from bundle import burn
from conftest import Make, cells_of
from load import cpus_used, demand_progress, run_all

from ocihook import topology
from ocihook.sched.caches import number_caches

pytestmark = pytest.mark.usefixtures("scheduler")


def test_the_machine_has_two_caches() -> None:
    count, numbers = number_caches(topology.read())
    assert (count, numbers[:4]) == (2, (0, 0, 1, 1))


def test_weights_hold_across_caches(make: Make) -> None:
    weights = {100: 2, 200: 2, 400: 4}
    cells = [
        make("crun", f"w{weight}", burn(tasks), annotations={"org.ocihook/weight": str(weight)})
        for weight, tasks in weights.items()
    ]
    run_all(cells)
    used = cpus_used(cells, 15)
    for weight, cpus in zip(weights, used, strict=True):
        assert cpus / sum(used) == pytest.approx(weight / 700, rel=0.15), used


def test_a_queue_of_busy_cpus_is_served_by_the_others(make: Make) -> None:
    """Twelve cells of a task each, wherever their tasks last ran: as much for all of them."""
    cells = [make("crun", f"c{i}", burn(1)) for i in range(12)]
    run_all(cells)
    used = demand_progress(cells, 12)
    assert min(used) / max(used) > 0.7, used


def test_own_cpus_share_a_cache(make: Make) -> None:
    mine = make("crun", "mine", burn(2), annotations={"org.ocihook/cpus": "2"})
    others = make("runc", "others", burn(4))
    run_all([mine, others])
    assert cells_of(mine.id)[0]["own_cpus"] in ("0-1", "2-3")
    used = cpus_used([mine, others], 6)
    assert min(used) > 1.6, used
