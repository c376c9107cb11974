# SPDX-License-Identifier: Apache-2.0
"""Four CPUs in two sockets, each with a cache and one core: a cell may have two queues there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cells import Workload, Workloads
from converge import converge
from parity.judge import demand_due
from parity.trees import Group, grown
from waiting import until

from ocihook import topology
from ocihook._bpf.pinned import sweep
from ocihook.abi import CELL_FREE
from ocihook.sched import loader
from ocihook.sched.caches import number_caches
from ocihook.sched.dump import dump_scheduler
from ocihook.sched.times import DEFAULT_TIMES

ROUNDS = 12

NAP = """
import ctypes, os, sys
getcpu = ctypes.CDLL(None).sched_getcpu
os.sched_setaffinity(0, [0])
print("bound", flush=True)
sys.stdin.buffer.raw.read(1)
print(getcpu())
"""

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.machine("two-caches"),
    pytest.mark.usefixtures("scheduler"),
]


def test_the_machine_has_two_caches() -> None:
    count, numbers = number_caches(topology.read())
    assert (count, numbers[:4]) == (2, (0, 0, 1, 1))


def test_weights_hold_across_caches(cells: Workloads) -> None:
    """Each within 15 % of its part."""
    weights = {100: 2, 200: 2, 400: 4}
    made = [cells(f"w{weight}", tasks, weight=weight) for weight, tasks in weights.items()]
    cells.begin()

    def bound(used: list[float]) -> bool:
        parts = (
            cpus / sum(used) * 700 / weight for weight, cpus in zip(weights, used, strict=True)
        )
        return all(0.85 <= part <= 1.15 for part in parts)

    converge(made, bound)


def test_a_queue_of_busy_cpus_is_served_by_the_others(cells: Workloads) -> None:
    """Twelve cells of a task each, wherever their tasks last ran: as much for all of them."""
    made = [cells(f"c{i}", 1) for i in range(12)]
    cells.begin()

    def bound(used: list[float]) -> bool:
        average = sum(used) / len(used)
        return average > 0.05 and min(used) > average / 4 and min(used) / max(used) > 0.7

    # 1.5 s of each is 18 s of CPU time.
    converge(made, bound, cpu_s=1.5)


def test_a_cpu_passes_over_all_that_may_not_run_there() -> None:
    """Twenty cgroups of CPUs 0-2 are owed more than the one that may use CPU 3, which has it whole.

    More than a CPU passes over one by one (bpf/state.bpf.h, PICK_ATTEMPTS).
    """
    held = [Group(f"held{i}", tasks=1, cpus="0-2") for i in range(20)]
    with grown(*held, Group("free", tasks=2)) as tree:
        demand_due(
            tree.parties,
            lambda cpus: {f"/{group.name}": 3 / 20 for group in held} | {"/free": cpus - 3},
            cpu_s=1.0,
            slices=50,
        )


def test_a_whole_core_before_half_of_one(cells: Workloads) -> None:
    """A task whose CPU is taken goes to the other core, past the idle thread of its own one.

    This process wakes it, and would take half of a core by itself: so it does that from CPU 0.
    Where it goes in one round, a task of the system's may decide; so most of them have to agree.
    """
    cells("hog").burn(1, cpus="0")
    cells.begin()
    everywhere = os.sched_getaffinity(0)
    os.sched_setaffinity(0, [0])
    try:
        went = [cpu_after_a_nap() for _ in range(ROUNDS)]
    finally:
        os.sched_setaffinity(0, everywhere)
    assert max(went.count(0), went.count(1)) < ROUNDS / 3, went


def cpu_after_a_nap() -> int:
    """Return the CPU on which a task wakes up that last ran on CPU 0 and may run on all."""
    task = subprocess.Popen(
        [sys.executable, "-c", NAP], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert task.stdout
    assert task.stdout.readline() == "bound\n"
    until(lambda: state_of(task.pid) == "S", "its nap")
    os.sched_setaffinity(task.pid, range(4))
    cpu, _ = task.communicate("wake up\n")
    return int(cpu)


def state_of(pid: int) -> str:
    """Return the task's state (proc_pid_stat(5))."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_own_cpus_share_a_cache(cells: Workloads) -> None:
    """By the choice, and by what owner and others get of the four."""
    mine, others = cells("mine", 2, own_count=2), cells("others", 4)
    assert mine.row()["own_cpus"] in ("0-1", "2-3")
    cells.begin()
    # The owner's two tasks are alone on its two CPUs.
    converge([mine, others], lambda used: min(used) > 1.6, slices=0)


def queues(cell: Workload) -> int:
    """Return how many queues the cell's slot has, as the kernel's dump tells."""
    found = re.search(rf"^cell {cell.slot} .*\n.* queues=(\d+)$", dumped(), re.MULTILINE)
    assert found, dumped()
    return int(found[1])


def dumped() -> str:
    return "\n".join(dump_scheduler().lines)


def fork(times: int = 1) -> None:
    for _ in range(times):
        subprocess.run(["/bin/true"], check=True)


def has_two(cell: Workload) -> bool:
    fork()
    return queues(cell) == 2


def with_one_queue(cells: Workloads) -> Workload:
    """Make a cell in a slot that no crowded cell had before it: a slot keeps its queues."""
    made = [cells("small")]
    while queues(made[-1]) > 1:
        made.append(cells(f"small-{len(made)}"))
    return made[-1]


def test_a_crowded_cell_gets_a_second_queue(cells: Workloads) -> None:
    """At a fork. One whose only task waits for no other keeps one, and both run on."""
    small, crowd = with_one_queue(cells), cells("crowd", 16)
    small.burn(1)
    cells.begin()
    until(lambda: has_two(crowd), "a second queue", seen=dumped)
    # The one task of the small cell is alone on its CPU.
    converge([small, crowd], lambda used: min(used) > 0.5, slices=0)
    assert (queues(small), queues(crowd)) == (1, 2)


def test_a_slot_keeps_its_queues(cells: Workloads) -> None:
    first = cells("first", 8)
    cells.begin()
    until(lambda: has_two(first), "a second queue", seen=dumped)
    first.remove()
    # The kernel ends the cpu controller's side of a removed cgroup later.
    until(lambda: sweep() and first.cell().state == CELL_FREE, "a free slot")
    made = [cells("second")]
    while made[-1].slot < first.slot:
        made.append(cells(f"second-{len(made)}"))
    assert (made[-1].slot, queues(made[-1])) == (first.slot, 2)


def test_each_cache_counts_for_itself(cells: Workloads) -> None:
    both, one = cells("both", 4), cells("one", 2, cpus="2-3")
    cells.begin()
    converge([both, one], lambda used: min(used) > 0.3)
    assert [part.nr_runs > 20 for part in both.stats()] == [True, True]
    row = one.row()
    assert set(row["run_ns_by_cpu"]) >= {"2", "3"}
    assert row["nr_runs"] == pytest.approx(sum(part.nr_runs for part in one.stats()), rel=0.2)
    # Its tasks moved into it on whichever CPU they began.
    assert one.stats()[0].nr_runs < one.stats()[1].nr_runs


@pytest.fixture
def _no_budget(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have a scheduler whose nodes have a queue each, and then the usual one again."""
    loader.stop()
    monkeypatch.setattr(loader, "queues_max", lambda *_, **__: 1)
    loader.start(DEFAULT_TIMES)
    yield
    monkeypatch.undo()
    loader.stop()
    loader.start(DEFAULT_TIMES)


@pytest.mark.usefixtures("_no_budget")
def test_without_a_budget_two_caches_share_the_queue(cells: Workloads) -> None:
    """All tasks have their turns all the same, on all CPUs."""
    crowd, other = cells("crowd", 16), cells("other", 4)
    cells.begin()
    converge([crowd, other], lambda used: min(used) > 0.9 * max(used) > 1)
    fork(20)
    assert (queues(crowd), queues(other)) == (1, 1)
