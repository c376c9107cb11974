# SPDX-License-Identifier: Apache-2.0
"""CPUs that tasks may use: process.execCPUAffinity for those that join a container later."""

from __future__ import annotations

import subprocess
import time

import pytest
from bundle import TIMEOUT_S, burn
from conftest import Make, cells_of
from load import cpus_seen, tasks_of

pytestmark = pytest.mark.usefixtures("scheduler")

SECONDS = 3.0


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
