# SPDX-License-Identifier: Apache-2.0
"""Four CPUs in two sockets, each with a cache and one core: a cell has two queues there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cells import Workloads
from converge import converge
from parity.judge import demand_due
from parity.trees import Group, grown
from waiting import until

from ocihook import topology
from ocihook.sched.caches import number_caches

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
    assert 0 not in went
    assert went.count(1) < ROUNDS / 3, went


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
