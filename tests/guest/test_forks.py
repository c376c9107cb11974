# SPDX-License-Identifier: Apache-2.0
"""Forks that find no memory, by an object in which they fail on demand (bpf/fault.bpf.h)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from struct import Struct
from typing import NamedTuple

import pytest
from bundle import Container
from conftest import Make, cells_of, enable_seq, kernel_state

from ocihook._bpf import scheduler_object
from ocihook._bpf.pinned import open_pin
from ocihook._bpf.pinned_array import PinnedArray
from ocihook._bpf.syscalls import prog_run
from ocihook.abi import Cell
from ocihook.sched import loader

FAULT_DIR = Path(__file__).parents[2] / "build" / "fault"
STORM_S = 10
SETTLE_S = 30.0
"""Tasks are let go some grace periods of RCU after their end: seconds on an emulated CPU."""

STORM = f"""
import errno, os, time

def fork_until(end):
    done, failed, odd = 0, 0, 0
    while time.monotonic() < end:
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
go_reader, go_writer = os.pipe()
for _ in range(4):
    if not os.fork():
        os.close(go_writer)
        os.read(go_reader, 1)
        os.write(writer, b"%d %d %d\\n" % fork_until(time.monotonic() + {STORM_S}))
        os._exit(0)
os.close(writer)
print("ready", flush=True)
time.sleep(1)
os.close(go_writer)
lines = open(reader, "rb").read().splitlines()
print(len(lines), *(sum(map(int, column)) for column in zip(*map(bytes.split, lines))), flush=True)
time.sleep(1000)
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
def _failing_scheduler(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run the scheduler of the object in which forks can fail; the next test gets the real one."""
    loader.stop()
    with monkeypatch.context() as patch:
        patch.setattr(loader, "files", lambda _package: FAULT_DIR)
        patch.setattr(scheduler_object, "PROGRAMS", (*scheduler_object.PROGRAMS, "fault_forks"))
        assert loader.start()
    yield
    loader.stop()


def eventually(reached: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + SETTLE_S
    while not reached():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


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


def storm(container: Container) -> list[int]:
    """Let one fork in 7 fail while the container forks; return its sums once it is done."""
    assert container.wait_for_output() == "ready"
    faults(fail_every=7)
    try:
        assert eventually(lambda: container.stdout.count("\n") == 2), container.stderr
    finally:
        faults(fail_every=0)
    return [int(word) for word in container.stdout.splitlines()[1].split()]


@pytest.mark.usefixtures("_failing_scheduler")
def test_fork_without_memory_fails_alone(runtime: str, make: Make) -> None:
    attached = enable_seq()
    assert eventually(lambda: tasks_too_many() == 0), tasks_too_many()
    container = make(runtime, command=("/usr/bin/python3", "-IS", "-c", STORM)).run()
    assert len(cells_of(container.id)) == 1

    workers, done, failed, odd = storm(container)
    counted = faults()
    assert (workers, odd) == (4, 0)
    # What else forks in the machine meanwhile takes its turns, too.
    assert failed == pytest.approx((done + failed) / 7, rel=0.2), (done, failed)
    assert counted.nr_failed >= failed > 0

    container.delete()
    assert kernel_state() == "enabled"
    assert enable_seq() == attached
    assert eventually(lambda: tasks_too_many() == 0), tasks_too_many()
    assert eventually(lambda: not waiting_in_cells()), waiting_in_cells()
