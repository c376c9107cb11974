# SPDX-License-Identifier: Apache-2.0
"""What cells did: waits, preemptions, CPU time on each CPU."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from cells import Workload, Workloads
from command import command, ocihook
from converge import converge
from waiting import until

from ocihook._bpf.pinned import sweep
from ocihook.abi import CELL_FREE
from ocihook.schema import findings

pytestmark = pytest.mark.usefixtures("scheduler")

CPUS = os.cpu_count() or 1
NAP_S = 0.01
NAPPER = f"import time\nprint('up', flush=True)\nwhile 1: time.sleep({NAP_S})"


def napping(cells: Workloads, name: str = "napper") -> Workload:
    """Return a cell whose one task sleeps most of the time, and has begun with it."""
    cell = cells(name)
    task = cell.start("/usr/bin/python3", "-IS", "-c", NAPPER)
    assert task.stdout
    assert task.stdout.readline() == b"up\n"
    return cell


def run(cell: Workload, cpu_s: float) -> None:
    """Let the cell use so much CPU time."""
    converge([cell], lambda used: used[0] > 0, cpu_s=cpu_s, slices=0)


@contextmanager
def bound_to(cpu: int) -> Iterator[None]:
    """Start tasks on one CPU: a task that moves to a cgroup runs on for a moment where it is."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.once
@pytest.mark.alone
def test_wake_ups_are_counted_and_waits_are_not_longer_than_the_time(cells: Workloads) -> None:
    """A sleeper beside busy cells on every CPU: its wake-ups are in the histogram, and only they.

    The busy tasks never sleep: they wait, but nothing wakes them up.
    """
    tasks = 2 * CPUS
    busy, napper = cells("busy", tasks), napping(cells)
    cells.begin()
    run(busy, 0.5)
    began = time.monotonic()
    before, busy_before = napper.row(), busy.row()
    run(busy, 5.0)
    after, busy_after = napper.row(), busy.row()
    seconds = time.monotonic() - began

    waits = after["nr_waits"] - before["nr_waits"]
    assert 20 <= waits <= 1.1 * seconds / NAP_S
    waited_s = (after["wait_ns"] - before["wait_ns"]) / 1e9
    assert 0 < waited_s <= 1.1 * seconds
    assert after["wait_below_us"]["p50"] <= after["wait_below_us"]["p99"]

    assert busy_after["nr_waits"] - busy_before["nr_waits"] <= tasks
    # Half of its tasks wait at any time.
    busy_waited_s = (busy_after["wait_ns"] - busy_before["wait_ns"]) / 1e9
    assert busy_waited_s == pytest.approx(seconds * tasks / 2, rel=0.4)


@pytest.mark.kernel
@pytest.mark.quick
def test_preemptions_are_counted_for_the_stopped(cells: Workloads) -> None:
    busy = cells("busy", CPUS)
    cells.begin()
    alone = busy.row()["nr_preempted"]
    napper = napping(cells)
    until(lambda: busy.row()["nr_preempted"] - alone >= 20, "20 preemptions", seen=busy.row)
    assert napper.row()["nr_preempted"] < busy.row()["nr_preempted"]


@pytest.mark.once
@pytest.mark.alone
def test_enqueues_of_narrow_tasks_are_counted(cells: Workloads) -> None:
    """Tasks that may run all over the cell are none; one that is bound to a CPU is."""
    cell = cells("wide", 4)
    cells.begin()
    run(cell, 2.0)
    assert cell.row()["nr_narrow"] == 0
    cell.burn(1, cpus="0")
    until(lambda: cell.row()["nr_narrow"] > 10, "enqueues of the narrow task", seen=cell.row)


@pytest.mark.once
@pytest.mark.alone
def test_tasks_that_fall_back_to_the_host_are_counted(cells: Workloads) -> None:
    """In the slot that they had: its counters stay until it is used again."""
    cell = cells("left", 3)
    cells.begin()
    expected = cell.row()["nr_fallbacks"] + 3
    assert cell.release() == 1

    def count() -> int:
        return sum(part.nr_fallbacks for part in cell.stats())

    until(lambda: count() == expected, f"{expected} in the host's cell", seen=count)


@pytest.mark.once
@pytest.mark.alone
def test_slot_that_is_used_again_starts_from_zero(cells: Workloads) -> None:
    first = napping(cells, "first")
    until(lambda: first.row()["nr_waits"] > 50, "wake-ups of the first", seen=first.row)
    old = first.row()
    first.remove()
    # The kernel ends the cpu controller's side of a removed cgroup later.
    until(lambda: sweep() and first.cell().state == CELL_FREE, "a free slot")
    # Slots below it, of cgroups removed before, may have come free as well.
    made = [cells("second")]
    while made[-1].slot < first.slot:
        made.append(cells(f"second-{len(made)}"))
    second = made[-1]
    second.start("/bin/sleep", "1000")
    until(second.tasks, "the task of the second")
    new = second.row()
    assert (new["cell"], new["generation"] > old["generation"]) == (old["cell"], True)
    assert new["nr_waits"] < old["nr_waits"]


@pytest.mark.once
def test_show_says_all_about_one_cell(cells: Workloads) -> None:
    with bound_to(1):
        container = cells("shown", 2, cpus="1")
    cells.begin()
    run(container, 0.5)
    shown = json.loads(ocihook("cells", "show", container.id[:-1], "--json").stdout)
    assert findings("cells", shown) == []
    (cell,) = shown
    assert cell["container"] == container.id
    assert set(cell["run_ns_by_cpu"]) == {"1"}
    assert cell["run_ns_by_cpu"]["1"] == cell["run_ns"] > 0
    assert cell["nr_narrow"] > 0, "a cpuset of one CPU binds its tasks to that one's queue"
    text = command("cells", "show", str(cell["cell"])).stdout
    assert container.id in text
    assert str(container.cgroup).removeprefix("/sys/fs/cgroup") in text
