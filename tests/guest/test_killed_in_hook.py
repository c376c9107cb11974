# SPDX-License-Identifier: Apache-2.0
"""A runtime that is killed while our hook runs: the hook lives on, and nobody waits for it.

No runtime cleans up after itself then: the cgroup stays, poststop never runs, and ``delete
--force`` succeeds without touching either (runc #3591, #4757; crun the same).
"""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from bundle import Container
from conftest import Make, cells_of
from hook_calls import wait_until

from ocihook.paths import HOOK_PROGRAM

pytestmark = pytest.mark.usefixtures("scheduler")

SLEEP = ("/bin/sleep", "1000")

BEFORE = f'kill -STOP $$\nexec {HOOK_PROGRAM} "$@"\n'
"""Stopped before it has read anything; it goes on when everybody else is gone."""

AFTER = f'{HOOK_PROGRAM} "$@"\nkill -STOP $$\n'
"""Stopped when the container has its cell, before the runtime hears of it."""


def create_and_kill(container: Container, pid_file: Path) -> None:
    """Kill the runtime in createRuntime, let the hook go on, and wait for the end of both."""
    runtime = subprocess.Popen(
        [container.runtime, "create", "--bundle", os.fspath(container.bundle), container.id],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: pid_file.exists() and pid_file.read_text().endswith("\n"), "a hook")
    hook = Path("/proc", pid_file.read_text().strip())
    wait_until(lambda: (hook / "stat").read_text().rpartition(")")[2].split()[0] == "T", "a stop")
    runtime.kill()
    runtime.wait()
    # Whoever waited for the runtime's word ends without it.
    events = container.cgroup / "cgroup.events"
    wait_until(lambda: "populated 0" in events.read_text(), "the end of the first process")
    os.kill(int(hook.name), signal.SIGCONT)
    wait_until(lambda: not hook.exists(), "the hook's end")


@pytest.mark.parametrize("held", [BEFORE, AFTER], ids=["before", "after"])
def test_runtime_killed_in_the_hook(held: str, runtime: str, make: Make, tmp_path: Path) -> None:
    program, pid_file = tmp_path / "held", tmp_path / "pid"
    program.write_text(f"#!/bin/sh\necho $$ >{pid_file}\n{held}")
    program.chmod(0o755)
    container = make(runtime, command=SLEEP, stages=("createRuntime",), program=str(program))
    create_and_kill(container, pid_file)
    assert container.cgroup.exists(), "nobody has removed it"
    assert len(cells_of(container.id)) == (held is AFTER), "a cell only for a process that is there"

    container.call("delete", "--force", container.id)
    container.set_hooks(("createRuntime", "poststart", "poststop"))
    container.run()
    (cell,) = cells_of(container.id)
    assert cell["cgid"] == container.cgroup.stat().st_ino
    assert container.state()["status"] == "running"
    container.delete()
    assert cells_of(container.id) == []


def test_cgroup_that_nobody_wants_takes_its_cell_along(make: Make, tmp_path: Path) -> None:
    program, pid_file = tmp_path / "held", tmp_path / "pid"
    program.write_text(f"#!/bin/sh\necho $$ >{pid_file}\n{AFTER}")
    program.chmod(0o755)
    container = make("crun", command=SLEEP, stages=("createRuntime",), program=str(program))
    create_and_kill(container, pid_file)
    assert len(cells_of(container.id)) == 1
    container.cgroup.rmdir()
    wait_until(lambda: not cells_of(container.id), "the cell's end")
