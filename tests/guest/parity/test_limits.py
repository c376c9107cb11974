# SPDX-License-Identifier: Apache-2.0
"""A limit holds against tasks that come and go faster than it is looked at."""

from __future__ import annotations

import pytest
from cells import Workloads
from converge import demand_cpus

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("scheduler")]

FORKS = "while :; do (i=0; while [ $i -lt 20 ]; do i=$((i+1)); done); done"
"""Each child lives some milliseconds of an emulated CPU."""


def test_the_work_of_short_lived_children_counts(cells: Workloads) -> None:
    """What a task uses in the slice in which it exits was free, and 20 % were 50 %."""
    limited = cells("limited", quota_us=(20_000, 100_000))
    for _ in range(4):
        limited.start("/bin/sh", "-c", f"read _; {FORKS}")
    cells.begin()
    demand_cpus(limited, 0.2, rel=0.07, cpu_s=1.5, slices=0)


def test_a_limit_above_one_cpu_on_an_idle_machine(cells: Workloads) -> None:
    """At the end of a throttle both CPUs are idle, and both have to come back: else it gets 1."""
    wide = cells("wide", 2, quota_us=(150_000, 100_000))
    cells.begin()
    demand_cpus(wide, 1.5, rel=0.05, cpu_s=6.0, slices=0)
