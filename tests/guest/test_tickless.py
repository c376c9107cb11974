# SPDX-License-Identifier: Apache-2.0
"""A CPU of nohz_full=: its slices end all the same, and the operator is told what is lost there.

6.18 leaves the tick of such a CPU off where a task of ours comes after the idle one. A limit of
20 % then came in bursts of a second, with gaps of three.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from cells import Workloads
from command import command
from converge import demand_cpus, task_use

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.machine("unplugged"),
    pytest.mark.usefixtures("scheduler"),
]

LIMIT = (20_000, 100_000)
LONGEST_TURN_NS = 40_000_000
"""On average. A period's budget is spent in one turn of 20 ms, or in several."""


def test_the_machine_has_such_a_cpu() -> None:
    assert Path("/sys/devices/system/cpu/nohz_full").read_text().strip() == "1"
    shown = command("doctor", check=False).stdout
    assert "CPUs 1 have nohz_full=, and are interrupted all the same" in shown


def test_a_limit_holds_there_in_every_period(cells: Workloads) -> None:
    """Of one task that is alone on its CPU: no other one has the tick started."""
    limited = cells("limited", quota_us=LIMIT)
    (task,) = limited.burn(1, cpus="1")
    cells.begin()
    before = task_use(task)
    demand_cpus(limited, 0.2, rel=0.1, slices=100)
    used = task_use(task)
    turn_ns = (used.run_ns - before.run_ns) / (used.slices - before.slices)
    assert turn_ns < LONGEST_TURN_NS
