# SPDX-License-Identifier: Apache-2.0
"""Without CPU time for longer than the watchdog's 30 s: frozen cells, and CPUs full of real-time.

A task of a real-time policy goes before all of ours. Newer kernels keep 5 % of each CPU from it for
sched_ext (ext_server), as they do for their own fair class. Without that, tasks starve that may run
on the hogs' CPUs only, the kernel's own threads among them, and in the end the watchdog ejects the
scheduler; nothing that a scheduler does could help them.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from bundle import Container, burn
from conftest import LONG_S, WATCH_S, Make, cells_of, enable_seq, kernel_state
from load import demand_progress, freeze, run_all

from ocihook.sched.loader import start
from ocihook.sched.reconcile import restore_cells
from ocihook.sched.status import scheduler_status

LONGER_THAN_WATCHDOG_S = 36.0
HOGS_END_US = 50_000_000
DEBUGFS = Path("/sys/kernel/debug")


@pytest.fixture
def ext_server() -> Iterator[bool]:
    """Whether the kernel keeps CPU time for sched_ext from real-time tasks."""
    subprocess.run(["mount", "-t", "debugfs", "debugfs", DEBUGFS], check=True)
    yield (DEBUGFS / "sched/ext_server").is_dir()
    subprocess.run(["umount", DEBUGFS], check=True)


@contextlib.contextmanager
def hogs(cpus: list[int]) -> Iterator[None]:
    """Spin on each of the CPUs with the least real-time priority; the caller has a higher one.

    The kernel ends them if nobody else does: on 6.18 the caller once waited for ever, for what
    (as rcu_preempt) could not run beside them.
    """
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
    started = []
    try:
        for cpu in cpus:
            bounded = ["prlimit", f"--rttime={HOGS_END_US}", "chrt", "--fifo", "1"]
            command = [*bounded, "taskset", "-c", str(cpu), *burn(1)]
            started.append(subprocess.Popen(command))
        yield
    finally:
        for hog in started:
            hog.kill()
            hog.wait()
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def settled_state() -> str:
    """Return whether the class is enabled or disabled; an ejection takes its time."""
    deadline = time.monotonic() + 60
    while (state := kernel_state()) not in {"enabled", "disabled"}:
        assert time.monotonic() < deadline, state
        time.sleep(0.1)
    return state


def demand_recovery(made: list[Container]) -> None:
    """Demand that the ejected scheduler says why, and that a start brings back every cell."""
    document = scheduler_status()
    assert document["state"] == "ejected"
    assert document["exit"]["reason"] == "runnable task stall", document
    start()
    restored, failures = restore_cells()
    assert (restored, failures) == (len(made), [])


def test_frozen_cells_and_real_time_hogs(make: Make, ext_server: bool) -> None:
    start()
    made = [make(runtime, runtime, burn(3)) for runtime in ("runc", "crun")]
    frozen = make("crun", "frozen", burn(3))
    run_all([*made, frozen])
    freeze(frozen, True)
    for cpus in ([1], [0, 1]) if WATCH_S >= LONG_S else ([0, 1],):
        attached = enable_seq()
        with hogs(cpus):
            if cpus == [1]:
                demand_progress(made, LONGER_THAN_WATCHDOG_S)
            else:
                time.sleep(LONGER_THAN_WATCHDOG_S)
        if settled_state() == "enabled":
            assert enable_seq() == attached
        else:
            assert not ext_server, scheduler_status()
            demand_recovery([*made, frozen])
    freeze(frozen, False)
    demand_progress([*made, frozen])
    for container in (*made, frozen):
        assert len(cells_of(container.id)) == 1
