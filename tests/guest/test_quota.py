# SPDX-License-Identifier: Apache-2.0
"""cpu.max and cpu.weight: held for our tasks, and followed when they change."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bundle import burn
from conftest import LONG_S, WATCH_S, Make, cells_of, kernel_state
from load import cpus_used

from ocihook._bpf.kernel_btf import kernel_has_op
from ocihook._bpf.pinned import register
from ocihook._bpf.pinned_array import PinnedArray
from ocihook.abi import CELL_FIELD_QUOTA, Cell, CellRequest
from ocihook.paths import CGROUPFS
from ocihook.sched.cell_set import change_cell
from ocihook.sched.change import Change

pytestmark = pytest.mark.usefixtures("scheduler")

MS = 1_000_000
HALF = {"quota": 50_000, "period": 100_000}


def wait_until(reached: Callable[[], bool], timeout_s: float = 10) -> None:
    deadline = time.monotonic() + timeout_s
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_quota_holds_alone_and_under_load(runtime: str, make: Make) -> None:
    limited = make(runtime, "limited", burn(3), cpu=HALF).run()
    alone = cpus_used([limited], 6)
    hogs = make(runtime, "hogs", burn(2)).run()
    loaded = cpus_used([limited, hogs], 6)
    assert alone[0] == pytest.approx(0.5, rel=0.12), alone
    assert loaded[0] == pytest.approx(0.5, rel=0.12), loaded
    assert loaded[1] > 1.25, loaded
    (cell,) = cells_of(limited.id)
    assert cell["quota"] == {"quota_us": 50_000, "period_us": 100_000, "burst_us": 0}
    assert cell["nr_throttled"] > 20
    assert cell["throttled_ns"] > 2e9


def test_quota_is_the_cells_and_not_a_tasks(make: Make) -> None:
    """Pinned to different CPUs, in their queues and not in the cell's: still one budget."""
    loops = "; ".join(f"taskset -c {cpu} sh -c 'while :; do :; done' &" for cpu in (0, 1))
    command = ("/bin/sh", "-c", f"{loops.replace('&;', '&')} wait")
    limited = make("crun", "limited", command, cpu=HALF).run()
    hogs = make("runc", "hogs", burn(2)).run()
    used = cpus_used([limited, hogs], 8)
    assert used[0] == pytest.approx(0.5, rel=0.2), used
    assert used[1] > 1.2, used


def test_live_changes_of_the_cgroup_files_are_followed(make: Make) -> None:
    """At once: when the write returns, the cell has changed."""
    container = make("crun", command=burn(2)).run()
    assert cells_of(container.id)[0]["quota"] is None
    (container.cgroup / "cpu.weight").write_text("250")
    assert cells_of(container.id)[0]["weight"] == 250
    if not kernel_has_op("cgroup_set_bandwidth"):  # came with 6.17
        change_cell(container.id, Change(quota_us=(30_000, 100_000)))
    else:
        (container.cgroup / "cpu.max").write_text("30000 100000")
        assert cells_of(container.id)[0]["quota"]["quota_us"] == 30_000
    assert cpus_used([container], 5)[0] == pytest.approx(0.3, rel=0.15)


def test_what_was_named_is_not_followed(make: Make) -> None:
    container = make("runc", annotations={"org.ocihook/weight": "70"}).run()
    (container.cgroup / "cpu.weight").write_text("250")
    time.sleep(0.2)
    assert cells_of(container.id)[0]["weight"] == 70
    change_cell(container.id, Change(weight=90))
    assert cells_of(container.id)[0]["weight"] == 90


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
    time.sleep(40)
    assert kernel_state() == "enabled"
    threads = (parent.path / "tiny" / "cgroup.procs").read_text().split()
    ran = [int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for pid in threads]
    assert len(ran) == 50
    assert os.cpu_count() == 2
    assert min(ran) > 0
    usage = (parent.path / "tiny" / "cpu.stat").read_text().split()[1]
    assert int(usage) < 45e6, "less than half of a CPU, though each task had its turn"
