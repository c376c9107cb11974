# SPDX-License-Identifier: Apache-2.0
"""Quotas that throttle thousands of cells, or dozens of tasks: late, and never forgotten."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from conftest import LONG_S, WATCH_S, kernel_state

from ocihook._bpf.pinned import register
from ocihook._bpf.pinned_array import PinnedArray
from ocihook.abi import CELL_FIELD_QUOTA, Cell, CellRequest
from ocihook.paths import CGROUPFS

pytestmark = pytest.mark.usefixtures("scheduler")

MS = 1_000_000


def wait_until(reached: Callable[[], bool], timeout_s: float = 10) -> None:
    deadline = time.monotonic() + timeout_s
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Parent:
    """A cgroup for thousands of others, and the tasks in them."""

    def __init__(self) -> None:
        """Make it."""
        self.path = Path(CGROUPFS, "ocihook-quota")
        self.path.mkdir()
        self._tasks: list[subprocess.Popen[bytes]] = []

    def occupy(self, name: str, tasks: int) -> None:
        """Start tasks in a cgroup that never sleep."""
        command = f"echo $$ >{self.path}/{name}/cgroup.procs; while :; do :; done"
        self._tasks += [subprocess.Popen(["/bin/sh", "-c", command]) for _ in range(tasks)]

    def remove(self) -> None:
        """End all tasks, and remove it with what is in it."""
        (self.path / "cgroup.kill").write_text("1")
        for task in self._tasks:
            task.wait()
        events = self.path / "cgroup.events"
        wait_until(lambda: "populated 0" in events.read_text(), 60)
        for child in self.path.iterdir():
            if child.is_dir():
                child.rmdir()
        self.path.rmdir()


@pytest.fixture
def parent() -> Iterator[Parent]:
    """Return a cgroup whose children are removed with it."""
    made = Parent()
    yield made
    made.remove()


def limit(cgroup: Path, quota_ns: int, period_ns: int) -> int:
    """Give the cgroup a cell with a quota; return its slot."""
    cgroup.mkdir(exist_ok=True)
    who = cgroup.name.encode()
    request = CellRequest(cgid=cgroup.stat().st_ino, name=who, container=who)
    if quota_ns:
        request.fields = CELL_FIELD_QUOTA
        request.quota_ns, request.period_ns = quota_ns, period_ns
    return register(request)[0]


@pytest.mark.parametrize("limited", [4, 2500] if WATCH_S >= LONG_S else [2500])
def test_thousands_of_cells_some_or_all_limited(limited: int, parent: Parent) -> None:
    """2,500 cells of which 30 are busy and throttled most of the time: nobody stalls."""
    slots = [
        limit(parent.path / f"c{i}", 2 * MS if i < limited else 0, 100 * MS if i < limited else 0)
        for i in range(2500)
    ]
    busy = range(30)
    for i in busy:
        parent.occupy(f"c{i}", 2)
    time.sleep(12)
    assert kernel_state() == "enabled"
    table = PinnedArray("cells", Cell)
    found = [table.read(slots[i])[0] for i in busy]
    table.close()
    for i, cell in enumerate(found):
        assert bool(cell.nr_throttled) == (i < limited), i
        assert time.monotonic_ns() - cell.served_ns < 8_000 * MS, i


def test_the_smallest_quota_does_not_reach_the_watchdog(parent: Parent) -> None:
    """1 ms a second for 50 tasks: each would wait for minutes, and the kernel ejects after 30 s."""
    limit(parent.path / "tiny", 1 * MS, 1000 * MS)
    parent.occupy("tiny", 50)
    time.sleep(35)
    assert kernel_state() == "enabled"
    threads = (parent.path / "tiny" / "cgroup.procs").read_text().split()
    ran = [int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for pid in threads]
    assert len(ran) == 50
    assert os.cpu_count() == 2
    assert min(ran) > 0
    usage = (parent.path / "tiny" / "cpu.stat").read_text().split()[1]
    assert int(usage) < 45e6, "less than half of a CPU, though each task had its turn"


def test_what_is_forgiven_outlasts_a_period(parent: Parent) -> None:
    """200 tasks with a turn each are seconds on two CPUs, and a refill comes once a second."""
    slot = limit(parent.path / "tiny", 1 * MS, 1000 * MS)
    parent.occupy("tiny", 200)
    tasks = parent.path / "tiny" / "cgroup.procs"
    wait_until(lambda: len(tasks.read_text().split()) == 200, 60)
    with closing(PinnedArray("cells", Cell)) as table:
        wait_until(lambda: table.read(slot)[0].budget_ns <= 0, 20)
        wait_until(lambda: table.read(slot)[0].budget_ns > 2000 * MS, 20)
        began_s = time.monotonic()
        wait_until(lambda: table.read(slot)[0].budget_ns <= 0, 20)
    assert time.monotonic() - began_s > 1.1, "more than from one refill to the next"
