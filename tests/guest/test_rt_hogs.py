# SPDX-License-Identifier: Apache-2.0
"""Without CPU time for longer than the watchdog's: frozen cells, and CPUs full of real-time tasks.

A task of a real-time policy goes before all of ours. Newer kernels keep 5 % of each CPU from it for
sched_ext (ext_server), as they do for their own fair class. Without that, tasks starve that may run
on the hogs' CPUs only, the kernel's own threads among them, and in the end the watchdog ejects the
scheduler; nothing that a scheduler does could help them.

A guest of its own: the rig ends it if it does not come back (tests/vm/watch.py). The hogs end by
themselves, and this process has no priority: it waits for their end, so it needs none.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cells import Workload, Workloads, cells_of, workloads
from converge import demand_progress
from kernel import enable_seq, kernel_state
from session import THOROUGH
from waiting import until

from ocihook.sched.loader import start, stop
from ocihook.sched.reconcile import restore_cells
from ocihook.sched.status import scheduler_status
from ocihook.sched.times import Times

pytestmark = [pytest.mark.kernel, pytest.mark.machine("starved")]

TIMES = Times() if THOROUGH else Times.scaled(0.25)
LONGER_THAN_WATCHDOG_S = 1.2 * TIMES.timeout_ms / 1000
HOG = Path(__file__).with_name("real_time_hog.py")
DEBUGFS = Path("/sys/kernel/debug")


@pytest.fixture
def ext_server() -> Iterator[bool]:
    """Whether the kernel keeps CPU time for sched_ext from real-time tasks."""
    subprocess.run(["mount", "-t", "debugfs", "debugfs", DEBUGFS], check=True)
    yield (DEBUGFS / "sched/ext_server").is_dir()
    subprocess.run(["umount", DEBUGFS], check=True)


@pytest.fixture
def cells() -> Iterator[Workloads]:
    """Return a maker of cells; the scheduler is one of ``TIMES``, and may be ejected."""
    stop()
    start(times=TIMES)
    yield from workloads()
    stop()


def endure_hogs(cpus: list[int]) -> None:
    """Return when a hog on each of the CPUs has had it for longer than the watchdog waits."""
    # One gate for all of them: a hog that has begun could keep this process from the next one.
    reader, writer = os.pipe()
    hogs = [
        subprocess.Popen(
            [sys.executable, "-IS", HOG, str(cpu), str(LONGER_THAN_WATCHDOG_S)],
            stdin=reader,
            stdout=subprocess.PIPE,
        )
        for cpu in cpus
    ]
    os.close(reader)
    for hog in hogs:
        assert hog.stdout
        assert hog.stdout.readline() == b"ready\n"
    os.close(writer)
    for hog in hogs:
        assert hog.stdout
        with hog.stdout:
            used_s = float(hog.stdout.read())
        assert hog.wait() == 0
        assert used_s > 0.8 * LONGER_THAN_WATCHDOG_S


def demand_progress_meanwhile(cells: list[Workload]) -> None:
    """Demand that each cell got a part of CPU 0 worth the name while a hog had CPU 1."""
    before = [cell.use() for cell in cells]
    endure_hogs([1])
    after = [cell.use() for cell in cells]
    used = [
        (now.run_ns - then.run_ns) / (now.at_ns - then.at_ns)
        for then, now in zip(before, after, strict=True)
    ]
    average = sum(used) / len(used)
    assert average > 0.05, used
    assert min(used) > average / 4, used


def settled_state() -> str:
    """Return whether the class is enabled or disabled; an ejection takes its time."""
    settled = {"enabled", "disabled"}
    until(lambda: kernel_state() in settled, "a settled state", timeout_s=60, seen=kernel_state)
    return kernel_state()


def demand_recovery(cells: list[Workload]) -> None:
    """Demand that the ejected scheduler says why, and that a start brings back every cell."""
    document = scheduler_status()
    assert document["state"] == "ejected"
    assert document["exit"]["reason"] == "runnable task stall", document
    start(times=TIMES)
    restored, failures = restore_cells()
    assert (restored, failures) == (len(cells), [])


# What belongs to the test ends in half of that; the rest is for a machine that is busy otherwise.
@pytest.mark.timeout(300 if THOROUGH else 120)
def test_frozen_cells_and_real_time_hogs(cells: Workloads, ext_server: bool) -> None:
    made = [cells("first", 3), cells("second", 3)]
    frozen = cells("frozen", 3)
    cells.begin()
    demand_progress([*made, frozen])
    frozen.freeze(True)
    for cpus in ([1], [0, 1]) if THOROUGH else ([0, 1],):
        attached = enable_seq()
        if cpus == [1]:
            demand_progress_meanwhile(made)
        else:
            endure_hogs(cpus)
        if settled_state() == "enabled":
            assert enable_seq() == attached
        else:
            assert not ext_server, scheduler_status()
            demand_recovery([*made, frozen])
    frozen.freeze(False)
    demand_progress([*made, frozen])
    for cell in (*made, frozen):
        assert len(cells_of(cell.id)) == 1
