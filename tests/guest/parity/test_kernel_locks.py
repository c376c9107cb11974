# SPDX-License-Identifier: Apache-2.0
"""A limit stops a task on its way out of the kernel, and not with a lock that others wait for."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest
from cells import Workloads
from converge import demand_cpus
from waiting import until

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("scheduler")]


QUOTA_US, PERIOD_US = 5_000, 500_000

HOLDS = """
import os, sys
fd, data = os.open(sys.argv[1], os.O_RDWR), bytes(4 << 20)
os.read(0, 1)
while True: os.pwrite(fd, data, 0)
"""
"""A write holds the file's lock to its end: some 15 ms, which are three periods."""

CALLS = """
import os
fd, data = os.open("/dev/zero", os.O_RDONLY), bytearray(65536)
os.read(0, 1)
while True: os.readv(fd, [data])
"""
"""In the kernel at nearly each tick, and seldom for longer than 0.1 ms at once."""


FINISHES = "bpf_task_work_schedule_resume" in Path("/proc/kallsyms").read_text()

LONGEST_S = PERIOD_US / 2e6 if FINISHES else 60
"""Before 6.18, a limit stops tasks in system calls, as EEVDF's do there."""


def test_a_lock_is_not_kept_until_the_next_period(cells: Workloads, tmp_path: Path) -> None:
    """Else a task of another cell waits for seconds to write to the same file."""
    file = Path("/dev/shm", tmp_path.name)
    file.touch()
    limited = cells("limited")
    limited.start(sys.executable, "-c", HOLDS, str(file))
    cells.begin()
    until(lambda: file.stat().st_size, "the first write")
    (limited.cgroup / "cpu.max").write_text(f"{QUOTA_US} {PERIOD_US}")
    fd = os.open(file, os.O_RDWR)
    took_s = []

    def written() -> bool:
        began_s = time.monotonic()
        os.pwrite(fd, b"0", 0)
        took_s.append(time.monotonic() - began_s)
        return limited.row()["nr_throttled"] >= 20

    try:
        until(written, "20 throttled periods", step_s=0.01)
    finally:
        os.close(fd)
        file.unlink()
    assert max(took_s) < LONGEST_S, sorted(took_s)[-10:]


def test_calls_to_the_kernel_are_limited_as_well(cells: Workloads) -> None:
    limited = cells("limited", quota_us=(20_000, 100_000))
    limited.start(sys.executable, "-c", CALLS)
    cells.begin()
    demand_cpus(limited, 0.2, rel=0.05, cpu_s=1.5, slices=0)


LONG = """
import os
fd, data = os.open("/dev/zero", os.O_RDONLY), bytearray(256 << 20)
os.read(0, 1)
while True: os.readv(fd, [data] * 8)
"""
"""Two seconds in the kernel at once."""

OWED_S = 0.25
"""What a limit of 5 % makes up for in 5 s."""


def test_a_call_that_takes_seconds_is_limited_as_well(cells: Workloads) -> None:
    """Else what it owed at its end was forgiven after 10 s."""
    limited = cells("limited")
    limited.start(sys.executable, "-c", LONG)
    cells.begin()
    until(lambda: limited.use().run_ns > 1e9, "a second in it")
    (limited.cgroup / "cpu.max").write_text("5000 100000")
    began_s, before_ns = time.monotonic(), limited.use().run_ns
    until(lambda: limited.row()["nr_throttled"] >= 80, "80 throttled periods")
    elapsed_s, used_s = time.monotonic() - began_s, (limited.use().run_ns - before_ns) / 1e9
    assert 0.02 * elapsed_s < used_s < 0.05 * elapsed_s + 1.2 * OWED_S, (used_s, elapsed_s)
