# SPDX-License-Identifier: Apache-2.0
"""The times that a scheduler is loaded with: what the kernel has of them, and what they do."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator

import pytest
from cells import Workload, Workloads, loaded
from command import command
from converge import task_use
from kernel import kernel_state
from waiting import until

from ocihook._bpf.pinned import open_pin
from ocihook._bpf.scheduler_object import OPS
from ocihook._bpf.syscalls import map_lookup, map_sizes
from ocihook.sched.dump import dump_scheduler
from ocihook.sched.status import scheduler_status
from ocihook.sched.times import Times

pytestmark = pytest.mark.kernel

CPUS = os.cpu_count() or 1

NS_PER_S = 1_000_000_000

LONGEST_S, WATCHED_S = 4.0, 8.0
"""CPU time of the heavy cell: without a turn of the light one, and in all. The light one, of two
tasks, is overdue after 0.8 s, which is 1.6 s of the heavy one on two CPUs."""


def kernels_ops() -> list[int]:
    """Return the sched_ext_ops that the kernel was given, as words of 32 bits."""
    fd = open_pin(OPS)
    try:
        _, value_bytes = map_sizes(fd)
        value = bytearray(value_bytes)
        map_lookup(fd, 0, value)
    finally:
        os.close(fd)
    return memoryview(value).cast("I").tolist()


def starve(cells: Workloads) -> Workload:
    """Begin 50 tasks, and then leave 1 ms a second for all of them: in the cell alone.

    In cpu.max, it would hold after an ejection as well, and they would take minutes to end.
    """
    cell = cells("tiny", 50)
    cells.begin()
    until(lambda: min(task_use(pid).run_ns for pid in cell.tasks()) > 3e7, "all of them to run")
    command("cells", "set", cell.id, "--quota", "1000/1000000")
    return cell


def ran_s(cell: Workload) -> float:
    """Return the cell's CPU time."""
    return cell.use().run_ns / NS_PER_S


def turns_s(cell: Workload) -> float:
    """Return the time in which half of the cell's tasks have a turn.

    What the limit gives is a turn of a few. On a busy machine the turns of all take long.
    """
    before = {pid: task_use(pid).run_ns for pid in cell.tasks()}
    began_s = time.monotonic()
    until(
        lambda: (
            sum(task_use(pid).run_ns > run_ns for pid, run_ns in before.items()) >= len(before) / 2
        ),
        "a turn of half of them",
        seen=kernel_state,
    )
    return time.monotonic() - began_s


@pytest.mark.usefixtures("scheduler")
def test_times_of_a_start() -> None:
    words = kernels_ops()
    assert (words.count(30_000), words.count(6_000)) == (1, 0), words
    told = "ocihook: stalled after 8000000000, throttled for 10000000000 at most"
    assert told in dump_scheduler().lines


@pytest.fixture(scope="class")
def _scaled() -> Iterator[None]:
    with loaded(Times.scaled(0.2)):
        yield


@pytest.mark.usefixtures("_scaled")
class TestScaled:
    """A fifth of each time."""

    def test_what_the_kernel_has(self) -> None:
        words = kernels_ops()
        assert (words.count(30_000), words.count(6_000)) == (0, 1), words
        told = "ocihook: stalled after 1600000000, throttled for 2000000000 at most"
        assert told in dump_scheduler().lines

    def test_late_tasks_have_their_turn(self, cells: Workloads) -> None:
        """By the real times, none is late before 17.5 s."""
        assert 2 < turns_s(starve(cells)) < 15

    def test_lightest_cell_is_not_forgotten(self, cells: Workloads) -> None:
        """Weights 1 to 10000: a slice of the one is worth 10 s of the other and more."""
        light, heavy = cells("light", CPUS, weight=1), cells("heavy", CPUS, weight=10_000)
        cells.begin()
        until(lambda: min(ran_s(light), ran_s(heavy)) > 0, "the first slice of each")
        began_s = (ran_s(light), ran_s(heavy))
        longest_s, served_ns, served_s = 0.0, 0, began_s[1]

        def watched() -> bool:
            nonlocal longest_s, served_ns, served_s
            now_s = ran_s(heavy)
            if (latest_ns := light.cell().served_ns) != served_ns:
                served_ns, served_s = latest_ns, now_s
            longest_s = max(longest_s, now_s - served_s)
            return longest_s >= LONGEST_S or now_s - began_s[1] >= WATCHED_S

        until(watched, f"{WATCHED_S:g} s of the heavy cell")
        used = (ran_s(light) - began_s[0], ran_s(heavy) - began_s[1])
        assert longest_s < LONGEST_S
        assert 0 < used[0] < 0.1 * used[1], used


def test_watchdog_of_a_scaled_timeout() -> None:
    """Tasks are late after 2 minutes, so the kernel ejects; it says how long one waited."""
    with loaded(Times(timeout_ms=3_000, throttle_max_ns=60 * NS_PER_S)) as cells:
        starve(cells)
        until(lambda: kernel_state() == "disabled", "the ejection", seen=kernel_state)
        ended = scheduler_status()["exit"]
    assert ended["reason"] == "runnable task stall", ended
    waited = re.search(r"failed to run for (\d+\.\d+)s", ended["message"])
    assert waited, ended
    assert 3 <= float(waited[1]) < 20, ended
