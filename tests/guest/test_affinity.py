# SPDX-License-Identifier: Apache-2.0
"""CPUs that tasks may use: process.execCPUAffinity for those that join a container later."""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import subprocess
import time
from pathlib import Path

import pytest
from bundle import TIMEOUT_S, burn
from conftest import Make, cells_of
from load import cpus_seen, tasks_of

pytestmark = pytest.mark.usefixtures("scheduler")

SECONDS = 3.0

SYS_CLONE3 = 435
"""The same on all architectures (include/uapi/asm-generic/unistd.h)."""

CLONE_INTO_CGROUP = 0x200000000


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


def test_exec_runs_on_the_final_cpus(runtime: str, make: Make) -> None:
    """runc narrows the affinity by itself, crun does not: the cell holds in both."""
    container = make(runtime, command=burn(2), exec_cpus={"final": "1"}).run()
    (cell,) = cells_of(container.id)
    assert cell["exec_cpus"] == "1"
    before = set(tasks_of(container.cgroup))
    assert cpus_seen(sorted(before), SECONDS) == {0, 1}, (
        "the container's own tasks are not confined"
    )
    container.call("exec", "--detach", container.id, *burn(2))
    deadline = time.monotonic() + TIMEOUT_S
    while len(joined := set(tasks_of(container.cgroup)) - before) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(0.5)
    assert cpus_seen(sorted(joined), SECONDS) == {1}, "the exec'd process and its child"


def test_busy_task_that_is_moved_in_leaves_the_other_cpus(make: Make) -> None:
    """Alone on its CPU, it has to be sent away rather than wait for its turn."""
    container = make("crun", command=("/bin/sleep", "1000"), exec_cpus={"final": "1"}).run()
    task = subprocess.Popen(["taskset", "-c", "0", *burn(1)])
    try:
        time.sleep(0.5)
        subprocess.run(["taskset", "-pc", "0,1", str(task.pid)], check=True, capture_output=True)
        (container.cgroup / "cgroup.procs").write_text(str(task.pid))
        time.sleep(0.5)
        assert cpus_seen([task.pid], SECONDS) == {1}
    finally:
        task.kill()
        task.wait()


def test_task_that_is_cloned_into_the_cgroup_and_its_child(make: Make) -> None:
    """With CLONE_INTO_CGROUP, as a runtime may: the task was in no other cgroup before."""
    container = make("crun", command=("/bin/sleep", "1000"), exec_cpus={"final": "1"}).run()
    before = set(tasks_of(container.cgroup))
    pid = clone_into(container.cgroup, burn(2))
    try:
        deadline = time.monotonic() + TIMEOUT_S
        while len(joined := set(tasks_of(container.cgroup)) - before) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert pid in joined
        time.sleep(0.5)
        assert cpus_seen(sorted(joined), SECONDS) == {1}
        assert os.sched_getaffinity(pid) == {0, 1}, "by the cell, and nobody else"
    finally:
        container.kill_tasks()
        os.waitpid(pid, 0)


def test_affinity_outside_of_the_final_cpus_wins(make: Make) -> None:
    """The two have no CPU in common: the task's own affinity is the later word."""
    container = make("crun", command=("/bin/sleep", "1000"), exec_cpus={"final": "1"}).run()
    task = subprocess.Popen(["taskset", "-c", "0", *burn(1)])
    try:
        (container.cgroup / "cgroup.procs").write_text(str(task.pid))
        time.sleep(0.5)
        assert cpus_seen([task.pid], SECONDS) == {0}
    finally:
        task.kill()
        task.wait()
