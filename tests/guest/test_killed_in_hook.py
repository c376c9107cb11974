# SPDX-License-Identifier: Apache-2.0
"""A runtime that is killed while our hook runs: the hook lives on, and nothing waits for it.

No runtime cleans up after itself then: the cgroup stays, poststop never runs, and ``delete
--force`` succeeds without touching either (runc #3591, #4757; crun the same).
"""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from bundle import STAGES, Container, Make
from cells import cells_of
from hook_calls import only_cell, wait_for_end_of_cells
from waiting import until

from ocihook.paths import HOOK_PROGRAM

pytestmark = [pytest.mark.runtime, pytest.mark.usefixtures("scheduler")]

SLEEP = ("/bin/sleep", "1000")

BEFORE = f'kill -STOP $$\nexec {HOOK_PROGRAM} "$@"\n'
"""Stopped before it has read anything; it goes on when all the others are gone."""

AFTER = f'{HOOK_PROGRAM} "$@"\nkill -STOP $$\n'
"""Stopped when the container has its cell, before the runtime hears of it."""


def create_and_kill(container: Container, held: str, directory: Path) -> None:
    """Kill the runtime in createRuntime, let the hook go on, and wait for the end of both."""
    program, pid_file = directory / "held", directory / "pid"
    pid_file.unlink(missing_ok=True)
    program.write_text(f"#!/bin/sh\necho $$ >{pid_file}\n{held}")
    program.chmod(0o755)
    container.set_hooks(("createRuntime",), str(program))
    runtime = subprocess.Popen(
        [container.runtime, "create", "--bundle", os.fspath(container.bundle), container.id],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until(lambda: pid_file.exists() and pid_file.read_text().endswith("\n"), "a hook")
    hook = Path("/proc", pid_file.read_text().strip())
    until(lambda: (hook / "stat").read_text().rpartition(")")[2].split()[0] == "T", "a stop")
    runtime.kill()
    runtime.wait()
    # The process that waited for the runtime's word ends without it.
    events = container.cgroup / "cgroup.events"
    until(lambda: "populated 0" in events.read_text(), "the end of the first process")
    os.kill(int(hook.name), signal.SIGCONT)
    until(lambda: not hook.exists(), "the hook's end")
    assert container.cgroup.exists(), "nothing has removed it"


def test_runtime_killed_in_the_hook(runtime: str, make: Make, tmp_path: Path) -> None:
    """Before and after the hook has registered: the container can be made again."""
    container = make(runtime, command=SLEEP)
    for held in (BEFORE, AFTER):
        create_and_kill(container, held, tmp_path)
        left = len(cells_of(container.id))
        assert left == (held is AFTER), f"{held}: a cell only for a process that is there"

        container.call("delete", "--force", container.id)
        container.set_hooks(STAGES)
        container.run()
        assert only_cell(container)["cgid"] == container.cgroup.stat().st_ino, held
        assert container.state()["status"] == "running", held
        container.delete()
        assert cells_of(container.id) == [], held


def test_cgroup_without_a_container_takes_its_cell_along(make: Make, tmp_path: Path) -> None:
    container = make("crun", command=SLEEP)
    create_and_kill(container, AFTER, tmp_path)
    assert len(cells_of(container.id)) == 1
    container.cgroup.rmdir()
    wait_for_end_of_cells(container)
