# SPDX-License-Identifier: Apache-2.0
"""Where tasks run: the CPUs that they are seen on."""

from __future__ import annotations

from pathlib import Path

from converge import task_use
from waiting import ticks, until


def last_cpu(pid: int) -> int:
    """Return the CPU that the thread last ran on: field 39 of stat, proc(5)."""
    return int(Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[36])


def tasks_of(cgroup: Path) -> list[int]:
    """Return the processes in the cgroup itself."""
    return [int(pid) for pid in (cgroup / "cgroup.procs").read_text().split()]


def cpus_seen(pids: list[int], seconds: float) -> set[int]:
    """Return the CPUs that the threads run on meanwhile: for the CPUs that they must stay off."""
    seen: set[int] = set()
    for _ in ticks(seconds):
        seen |= {last_cpu(pid) for pid in pids}
    return seen


def cpus_seen_running(pids: list[int], cpu_s: float) -> set[int]:
    """Return the CPUs that the threads are seen on until each has run for ``cpu_s`` more."""
    began_ns = {pid: task_use(pid).run_ns for pid in pids}
    seen: set[int] = set()

    def ran() -> bool:
        seen.update(last_cpu(pid) for pid in pids)
        return all(task_use(pid).run_ns - began_ns[pid] >= cpu_s * 1e9 for pid in pids)

    until(ran, f"{cpu_s:g} s of CPU time of each of {pids}", seen=lambda: seen)
    return seen
