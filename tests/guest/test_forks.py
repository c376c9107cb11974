# SPDX-License-Identifier: Apache-2.0
"""Forks that find no memory, by an object in which they fail on demand (bpf/fault.bpf.h)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from typing import NamedTuple

import pytest
from bundle import TIMEOUT_S
from cells import Workload, Workloads, workloads
from kernel import enable_seq, kernel_state
from session import THOROUGH
from waiting import until

from ocihook._bpf import scheduler_object
from ocihook._bpf.pinned import open_pin
from ocihook._bpf.pinned_array import PinnedArray
from ocihook._bpf.syscalls import prog_run
from ocihook.abi import Cell
from ocihook.sched import loader

pytestmark = pytest.mark.kernel

FAULT_DIR = Path(__file__).parents[2] / "build" / "fault"
FORKS = 1000 if THOROUGH else 150
"""Of each of four processes."""

STORM = f"""
import errno, os

def fork_often():
    done, failed, odd = 0, 0, 0
    for _ in range({FORKS}):
        try:
            child = os.fork()
        except OSError as error:
            failed += error.errno == errno.ENOMEM
            odd += error.errno != errno.ENOMEM
            continue
        if not child:
            os._exit(0)
        os.waitpid(child, 0)
        done += 1
    return done, failed, odd

reader, writer = os.pipe()
for _ in range(4):
    if not os.fork():
        os.read(0, 1)
        os.write(writer, b"%d %d %d\\n" % fork_often())
        os._exit(0)
os.close(writer)
print("ready", flush=True)
lines = open(reader, "rb").read().splitlines()
print(len(lines), *(sum(map(int, column)) for column in zip(*map(bytes.split, lines))), flush=True)
"""


class Faults(NamedTuple):
    """What fault_forks answers: see struct fault_request."""

    fail_every: int
    nr_in: int
    nr_failed: int
    nr_out: int


def faults(fail_every: int = 0) -> Faults:
    """Have one fork in ``fail_every`` fail, or none; return the counts so far."""
    layout = Struct("=4Q")
    context = bytearray(layout.pack(fail_every, 0, 0, 0))
    fd = open_pin("fault_forks")
    try:
        assert prog_run(fd, context) == 0
    finally:
        os.close(fd)
    return Faults(*layout.unpack(context))


@pytest.fixture
def failing_cells(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workloads]:
    """Run the scheduler of the object in which forks can fail; the next test gets the real one."""
    loader.stop()
    with monkeypatch.context() as patch:
        patch.setattr(loader, "files", lambda _package: FAULT_DIR)
        patch.setattr(scheduler_object, "PROGRAMS", (*scheduler_object.PROGRAMS, "fault_forks"))
        assert loader.start()
    try:
        yield from workloads()
    finally:
        loader.stop()


def tasks_too_many() -> int:
    """Return how many tasks the scheduler has let in and not out, beyond those that there are."""
    counted = faults()
    there_are = sum(1 for _ in Path("/proc").glob("[0-9]*/task/[0-9]*"))
    return counted.nr_in - counted.nr_out - there_are


def waiting_in_cells() -> dict[int, int]:
    """Return the cells other than the host's that have runnable tasks, and how many."""
    array = PinnedArray("cells", Cell)
    try:
        runnable = {
            slot: array.read(slot)[0].nr_runnable
            for slot in range(1, loader.read_record().nr_slots)
        }
    finally:
        array.close()
    return {slot: count for slot, count in runnable.items() if count}


def storm(cell: Workload, cells: Workloads) -> list[int]:
    """Let one fork in 7 fail while processes of the cell fork; return their sums."""
    process = cell.start("/usr/bin/python3", "-IS", "-c", STORM)
    assert process.stdout
    assert process.stdout.readline() == b"ready\n"
    faults(fail_every=7)
    try:
        cells.begin()
        line = process.stdout.readline()
        # 7.3 lets a task go when it has ended, and /proc has it until its parent has waited for it.
        process.wait(TIMEOUT_S)
    finally:
        faults(fail_every=0)
    return [int(word) for word in line.split()]


def test_fork_without_memory_fails_alone(failing_cells: Workloads) -> None:
    attached = enable_seq()
    until(lambda: tasks_too_many() == 0, "every task to be counted", seen=tasks_too_many)
    cell = failing_cells("forking")

    workers, done, failed, odd = storm(cell, failing_cells)
    counted = faults()
    assert cell.row()["state"] == "live"
    assert (workers, odd) == (4, 0)
    # What else forks in the machine meanwhile takes its turns, too.
    assert failed == pytest.approx((done + failed) / 7, rel=0.2), (done, failed)
    assert counted.nr_failed >= failed > 0

    cell.remove()
    assert kernel_state() == "enabled"
    assert enable_seq() == attached
    until(lambda: tasks_too_many() == 0, "every task to be let go", seen=tasks_too_many)
    until(lambda: not waiting_in_cells(), "no task in a cell", seen=waiting_in_cells)
