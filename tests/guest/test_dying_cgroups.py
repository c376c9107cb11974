# SPDX-License-Identifier: Apache-2.0
"""Cgroups that come and go by the dozen, with cells, while tasks start and end in them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from bundle import PARENT, TIMEOUT_S
from cells import Workloads
from converge import demand_progress
from session import THOROUGH
from waiting import until

from ocihook import cell
from ocihook._bpf.pinned import register, sweep, unregister
from ocihook.abi import CellRelease
from ocihook.paths import CGROUPFS
from ocihook.sched.cells import list_cells

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("scheduler")]

CGROUPS = 200 if THOROUGH else 40
AT_ONCE = 8
TASKS = 2
RUN_S = 0.02
"""How long each task lives, busy: a cgroup often goes while its last one exits."""


@pytest.fixture
def parent() -> Iterator[Path]:
    directory = Path(CGROUPFS, PARENT, "dying")
    directory.mkdir(parents=True)
    yield directory
    directory.rmdir()


def spin() -> None:
    end = time.monotonic() + RUN_S
    while time.monotonic() < end:
        pass


def start_tasks(cgroup: Path) -> int:
    """Fork a process that joins the cgroup and has TASKS short-lived children; return its pid."""
    pid = os.fork()
    if pid:
        return pid
    try:
        (cgroup / "cgroup.procs").write_text("0")
        for _ in range(TASKS):
            if not os.fork():
                spin()
                os._exit(0)
        spin()
    finally:
        os._exit(0)


def remove(cgroup: Path) -> None:
    """Remove it in the first moment that the kernel allows, while its tasks are exiting."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        try:
            cgroup.rmdir()
            return
        except OSError:  # busy: tasks in it
            assert time.monotonic() < deadline, cgroup


def left() -> list[str]:
    """Return the containers of this test that have a cell still, after another sweep."""
    sweep()
    rows = [row["container"] for row in list_cells()]
    return [container for container in rows if container.startswith("dying-")]


def test_cgroups_die_with_their_tasks(cells: Workloads, parent: Path) -> None:
    """Some are killed, some are released first, most just end: none leaves a cell behind."""
    made = [cells(f"c{i}", 2) for i in range(2)]
    cells.begin()
    for batch in range(CGROUPS // AT_ONCE):
        alive: list[tuple[Path, int]] = []
        for number in range(AT_ONCE):
            name = f"dying-{batch}-{number}"
            cgroup = parent / name
            cgroup.mkdir()
            wanted = cell.CellSpec(container=name, bundle_hash=batch, name=name)
            register(wanted.request(cgroup.stat().st_ino))
            alive.append((cgroup, start_tasks(cgroup)))
        for number, (cgroup, pid) in enumerate(alive):
            if number % 4 == 0:
                (cgroup / "cgroup.kill").write_text("1")
            elif number % 4 == 1:
                assert unregister(CellRelease(cgid=cgroup.stat().st_ino)) == 1
            os.waitpid(pid, 0)
            remove(cgroup)
    # A slot drains while tasks of its cgroup exit, which 7.3 lets outlive the cgroup for a moment.
    until(lambda: not left(), "the end of all cells", seen=left)
    demand_progress(made)
