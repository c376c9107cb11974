# SPDX-License-Identifier: Apache-2.0
"""CPUs that come and go under load, tasks that were bound to them included."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest
from bundle import burn
from conftest import Make
from load import cpus_used, demand_progress, run_all, task_ns, tasks_of

pytestmark = pytest.mark.usefixtures("scheduler")

ONLINE = Path("/sys/devices/system/cpu/cpu1/online")
ROUNDS = 2


def test_cpus_come_and_go_under_load(make: Make) -> None:
    """CPU 1 of 2 goes with a cell's tasks on it, some of which may run nowhere else."""
    made = [make(runtime, runtime, burn(3)) for runtime in ("runc", "crun")]
    confined = make("crun", "confined", burn(2), cpu={"cpus": "1"})
    run_all([*made, confined])
    narrow = tasks_of(made[0].cgroup)[0]
    subprocess.run(["taskset", "-pc", "1", str(narrow)], check=True, capture_output=True)
    try:
        for _ in range(ROUNDS):
            ONLINE.write_text("0")
            # The kernel lets tasks run elsewhere whose CPUs are all gone.
            used_ns = task_ns(narrow)
            demand_progress([*made, confined], 1.5)
            assert task_ns(narrow) > used_ns
            ONLINE.write_text("1")
            time.sleep(1)
    finally:
        ONLINE.write_text("1")
    used_ns = task_ns(narrow)
    demand_progress([*made, confined])
    assert task_ns(narrow) > used_ns
    assert sum(cpus_used([*made, confined], 2)) > 1, "both CPUs are in use again"
