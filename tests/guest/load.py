# SPDX-License-Identifier: Apache-2.0
"""Busy containers: started together, and the CPU time that each of them got."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from bundle import Container, burn

from ocihook.sched.cells import list_cells


def usage_us(container: Container) -> int:
    """Return the CPU time of the container's cgroup, as the kernel's own accounting has it."""
    for line in (container.cgroup / "cpu.stat").read_text().splitlines():
        name, _, value = line.partition(" ")
        if name == "usage_usec":
            return int(value)
    raise AssertionError("cpu.stat has no usage_usec")


def cpus_used(containers: list[Container], seconds: float) -> list[float]:
    """Return how many CPUs each container used on average.

    Each over its own interval: on a busy emulated machine, reading twenty files takes seconds.
    """
    before = [(time.monotonic(), usage_us(container)) for container in containers]
    time.sleep(seconds)
    after = [(time.monotonic(), usage_us(container)) for container in containers]
    return [
        (used - used_before) / 1e6 / (now - then)
        for (then, used_before), (now, used) in zip(before, after, strict=True)
    ]


def demand_progress(containers: list[Container], seconds: float = 3) -> list[float]:
    """Demand that every container gets a part of the CPUs worth the name; return how many each.

    A quarter of the average: nobody is forgotten, whatever their shares are. What each is owed is
    measured in test_sharing.py, over longer times.
    """
    used = cpus_used(containers, seconds)
    average = sum(used) / len(used)
    assert average > 0.05, used
    assert min(used) > average / 4, used
    return used


def run_all(containers: list[Container]) -> None:
    """Create them all before the first one burns, start them, and let them settle."""
    for container in containers:
        container.create()
    for container in containers:
        container.start()
    time.sleep(2)


def task_ns(pid: int) -> int:
    """Return how long the thread has run (schedstat, Documentation/scheduler/sched-stats.rst)."""
    return int(Path("/proc", str(pid), "schedstat").read_text().split()[0])


def last_cpu(pid: int) -> int:
    """Return the CPU that the thread last ran on: field 39 of stat, proc(5)."""
    return int(Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[36])


def tasks_of(cgroup: Path) -> list[int]:
    """Return the processes in the cgroup itself."""
    return [int(pid) for pid in (cgroup / "cgroup.procs").read_text().split()]


def cpus_seen(pids: list[int], seconds: float) -> set[int]:
    """Return the CPUs that the threads run on meanwhile."""
    seen: set[int] = set()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        seen |= {last_cpu(pid) for pid in pids}
        time.sleep(0.05)
    return seen


def freeze(container: Container, frozen: bool) -> None:
    """Stop or resume every task of the container's cgroup (cgroup-v2.rst, cgroup.freeze)."""
    (container.cgroup / "cgroup.freeze").write_text(str(int(frozen)))
    deadline = time.monotonic() + 20
    while f"frozen {int(frozen)}" not in (container.cgroup / "cgroup.events").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def share_of_host(containers: list[Container], seconds: float) -> float:
    """Return which part of the time used went to a busy host, beside busy containers."""
    tasks = [subprocess.Popen(burn(1)) for _ in range(4)]
    try:
        time.sleep(1)
        began_s, before_ns = time.monotonic(), list_cells()[0]["run_ns"]
        used = cpus_used(containers, seconds)
        host_ns, took_s = list_cells()[0]["run_ns"] - before_ns, time.monotonic() - began_s
    finally:
        for task in tasks:
            task.kill()
            task.wait()
    host: float = host_ns / 1e9 / took_s
    return host / (host + sum(used))
