# SPDX-License-Identifier: Apache-2.0
"""The machine sleeps (ACPI S3): all tasks are frozen, CPU 1 goes, the devices lose their state.

The real-time clock wakes it. While the kernel suspends it does without the scheduler (its bypass
mode), and afterwards the same one has to go on.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from cells import Workloads
from converge import demand_progress

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.machine("unplugged"),
    pytest.mark.usefixtures("scheduler"),
]

ALARM = Path("/sys/class/rtc/rtc0/wakealarm")
SUCCESSES = Path("/sys/power/suspend_stats/success")
ASLEEP_S = 3
ROUNDS = 2
"""The second sleep ends at once: the emulated clock's interrupt is still pending (QEMU 10)."""


def suspend() -> None:
    """Return when the machine has slept and is awake again."""
    before = int(SUCCESSES.read_text())
    ALARM.write_text("0")
    ALARM.write_text(f"+{ASLEEP_S}")
    Path("/sys/power/state").write_text("mem")
    assert int(SUCCESSES.read_text()) == before + 1


def test_suspend_to_memory_under_load(cells: Workloads) -> None:
    """Two cells, a task of which is bound to the CPU that goes, get on after each sleep."""
    made = [cells("one", 2), cells("other", 3)]
    made[0].burn(1, cpus="1")
    cells.begin()
    demand_progress(made)
    for _ in range(ROUNDS):
        suspend()
        demand_progress(made)
