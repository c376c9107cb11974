# SPDX-License-Identifier: Apache-2.0
"""CPUs that tasks may use: process.execCPUAffinity for those that join a container later."""

from __future__ import annotations

import ctypes
import os
import signal
import struct
from pathlib import Path

import pytest
from bundle import Make, burn
from busy_host import busy
from cells import Workloads, cells_of
from converge import task_use
from load import cpus_seen_running, last_cpu, tasks_of
from waiting import until

from ocihook import control_file, cpulist
from ocihook.errors import InputError
from ocihook.hook import bundle

pytestmark = pytest.mark.usefixtures("scheduler")

SETTLE_S = 0.3
WATCHED_S = 0.6
"""CPU time of a task: until it is where it has to be, and for how long it has to be there."""

FINAL = cpulist.parse("1")

SYS_CLONE3 = 435
"""The same on all architectures (include/uapi/asm-generic/unistd.h)."""

CLONE_INTO_CGROUP = 0x200000000


IN_THE_KERNELS_GRAMMAR = (
    ({"cpu": {"cpus": "0-1:1/2"}}, "0"),
    ({"cpu": {"cpus": "0-N"}}, "0-1"),
    ({"unified": {"cpuset.cpus": "all:1/2 N", "cpu.weight": "0x64"}}, "0-1"),
)
"""Resources with lists for two CPUs, and which CPUs they name."""

LIMITS = (
    "50000us 100000us", "max max", " 060000\t0100000 x", "max 200000", "50000", "maximum", "+50000",
    "0x64", "max\u2003100000", "50000\u2003",
)  # fmt: skip


def clone_into(cgroup: Path, command: tuple[str, ...]) -> int:
    """Start the command as a child that never was in another cgroup; return its pid (clone3(2))."""
    # PyDLL: the child is a copy of this thread alone, and has to hold the interpreter's lock.
    libc = ctypes.PyDLL(None, use_errno=True)
    fd = os.open(cgroup, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # struct clone_args: flags first, exit_signal fifth, cgroup last.
        words = (CLONE_INTO_CGROUP, 0, 0, 0, signal.SIGCHLD, 0, 0, 0, 0, 0, fd)
        arguments = struct.pack("=11Q", *words)
        pid: int = libc.syscall(SYS_CLONE3, arguments, ctypes.c_size_t(len(arguments)))
    finally:
        os.close(fd)
    if pid == 0:
        try:
            os.execv(command[0], command)
        finally:
            os._exit(127)
    assert pid > 0, os.strerror(ctypes.get_errno())
    return pid


def demand_on(pids: list[int], cpus: set[int]) -> None:
    """Demand that the tasks run there, and nowhere else, once they have run for a moment."""
    cpus_seen_running(pids, SETTLE_S)
    assert cpus_seen_running(pids, WATCHED_S) == cpus


@pytest.mark.runtime
def test_lists_and_limits_that_the_kernel_reads(runtime: str, make: Make) -> None:
    """Runtimes write them as they are. What the kernel takes costs no container its cell."""
    container = make(runtime, command=("/bin/sleep", "1000"))
    document = container.document()
    for resources, cpus in IN_THE_KERNELS_GRAMMAR:
        document["linux"]["resources"] = resources
        container.write(document)
        container.create()
        assert (container.cgroup / "cpuset.cpus").read_text() == f"{cpus}\n"
        (cell,) = cells_of(container.id)
        # All CPUs are no cpuset.
        assert (cell["cpuset"] or "0-1", cell["weight"]) == (cpus, 100), resources
        assert bundle.read(os.fspath(container.bundle)).cpus == cpulist.parse(cpus)
        if resources is not IN_THE_KERNELS_GRAMMAR[-1][0]:
            container.delete()
    file = container.cgroup / "cpu.max"
    for text in LIMITS:
        file.write_text("max 100000")
        try:
            file.write_bytes(text.encode())
            quota, period = file.read_text().split()
            there = -1 if quota == "max" else int(quota), int(period)
        except OSError:
            there = None
        try:
            quota_us, period_us = control_file.limit(text)
            read = quota_us, period_us or 100_000
        except InputError:
            read = None
        assert there == read, text


@pytest.mark.runtime
def test_exec_runs_on_the_final_cpus(runtime: str, make: Make) -> None:
    """runc narrows the affinity by itself, crun does not: the cell holds in both."""
    container = make(runtime, command=burn(2), exec_cpus={"final": "1"}).run()
    (cell,) = cells_of(container.id)
    assert cell["exec_cpus"] == "1"
    until(lambda: len(tasks_of(container.cgroup)) == 2, "the container's own two tasks")
    before = set(tasks_of(container.cgroup))
    seen: set[int] = set()
    until(
        lambda: seen.update(map(last_cpu, before)) or seen == {0, 1},
        "the container's own tasks, which are not confined, on both CPUs",
        seen=lambda: seen,
    )
    container.call("exec", "--detach", container.id, *burn(2))
    until(lambda: len(set(tasks_of(container.cgroup)) - before) == 2, "the tasks of exec")
    # The exec'd process and its child.
    demand_on(sorted(set(tasks_of(container.cgroup)) - before), {1})


@pytest.mark.kernel
@pytest.mark.quick
def test_busy_task_that_is_moved_in_leaves_the_other_cpus(cells: Workloads) -> None:
    """Alone on its CPU, it has to be sent away rather than wait for its turn."""
    cell = cells("final", exec_allowed=FINAL)
    with busy(1, cpus="0") as (task,):
        until(lambda: task_use(task).run_ns > SETTLE_S * 1e9, "it is busy")
        assert last_cpu(task) == 0
        os.sched_setaffinity(task, {0, 1})
        (cell.cgroup / "cgroup.procs").write_text(str(task))
        demand_on([task], {1})
        # Nor does it go back, though half of CPU 1 is less than all of CPU 0.
        with busy(1, cpus="1"):
            demand_on([task], {1})


@pytest.mark.kernel
def test_task_that_is_cloned_into_the_cgroup_and_its_child(cells: Workloads) -> None:
    """With CLONE_INTO_CGROUP, as a runtime may: the task was in no other cgroup before."""
    cell = cells("final", exec_allowed=FINAL)
    pid = clone_into(cell.cgroup, burn(2))
    try:
        until(lambda: len(cell.tasks()) == 2, "the task and its child")
        assert pid in cell.tasks()
        demand_on(cell.tasks(), {1})
        assert os.sched_getaffinity(pid) == {0, 1}, "by the cell, and by nothing else"
    finally:
        cell.kill_tasks()
        os.waitpid(pid, 0)


@pytest.mark.kernel
def test_affinity_outside_of_the_final_cpus_wins(cells: Workloads) -> None:
    """The two have no CPU in common: the task's own affinity is the later word."""
    cell = cells("final", exec_allowed=FINAL)
    with busy(1, cpus="0") as (task,):
        until(lambda: os.sched_getaffinity(task) == {0}, "it is bound")
        (cell.cgroup / "cgroup.procs").write_text(str(task))
        demand_on([task], {0})
