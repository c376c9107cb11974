# SPDX-License-Identifier: Apache-2.0
"""Cgroups far below a container's own, as its root and any user with a session can make them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cells import Workloads
from command import command
from kernel import kernel_state
from waiting import until

from ocihook._bpf.pinned import cell_of
from ocihook.cell import CellSpec
from ocihook.doctor.examination import examine
from ocihook.doctor.host import Host
from ocihook.mark import write
from ocihook.metrics.collect import collect
from ocihook.paths import CELL_MARK, CGROUPFS
from ocihook.sched import loader

pytestmark = pytest.mark.kernel

LEVELS = 1_100
"""More than Python recurses, and than the kernel has paths for; 2,000 are in tests/runtime."""

NAME = "abc"
DEEP = "more than 31 levels deep (cells are told apart down to there)"


@contextmanager
def levels(top: Path, count: int) -> Iterator[int]:
    """Make a cgroup that lies so many levels below another; yield an fd of it."""
    fd, made = os.open(top, os.O_RDONLY), 0
    try:
        for _ in range(count):
            os.mkdir(NAME, dir_fd=fd)
            made += 1
            fd = exchanged(fd, NAME)
        yield fd
    finally:
        for _ in range(made):
            fd = exchanged(fd, "..")
            os.rmdir(NAME, dir_fd=fd)
        os.close(fd)


def exchanged(fd: int, name: str) -> int:
    found = os.open(name, os.O_RDONLY, dir_fd=fd)
    os.close(fd)
    return found


def write_at(fd: int, name: str, text: str) -> None:
    file = os.open(name, os.O_WRONLY, dir_fd=fd)
    try:
        os.write(file, text.encode())
    finally:
        os.close(file)


@pytest.mark.timeout(600)
def test_commands_and_a_restart_beside_a_deep_tree() -> None:
    """Cells that come later in the walk are restored; nothing ends in a traceback."""
    tops = [Path(CGROUPFS, f"deep-{name}") for name in "abc"]
    for number, top in enumerate(tops):
        top.mkdir()
        spec = CellSpec(container=f"c{number}", bundle_hash=1, name=f"deep{number}")
        os.setxattr(top, CELL_MARK, write(spec))
    try:
        with levels(tops[1], LEVELS) as deepest:
            os.setxattr(
                deepest, CELL_MARK, write(CellSpec(container="below", bundle_hash=1, name="below"))
            )
            loader.stop()
            started = json.loads(command("scheduler", "start", "--json").stdout)
            assert started["cells_restored"] == 3
            (failure,) = started["failures"]
            assert failure.endswith(DEEP), "the mark at the bottom"
            rows = json.loads(command("cells", "--json").stdout)
            assert {"deep0", "deep1", "deep2"} <= {row["name"] for row in rows}
            for words in (("cells", "tree", "--all"), ("gc",)):
                done = command(*words)
                assert (done.returncode, done.stderr) == (0, ""), words
            assert "ocihook_scheduler_up 1" in collect()
            assert "marks" in [each.name for each in examine(Host(), ["cells"])]
            for verb, said in (("reload", "reloaded"), ("start", "already runs")):
                done = command("scheduler", verb)
                assert done.stdout.startswith(f"scheduler {said}"), done
                assert done.stderr.endswith(f"{DEEP}\n")
    finally:
        for top in tops:
            top.rmdir()
    assert kernel_state() == "enabled"


@pytest.mark.usefixtures("scheduler")
@pytest.mark.parametrize("depth", [1, 28, 40, 300])
def test_a_process_any_number_of_cgroups_below_its_cell_is_in_it(
    cells: Workloads, depth: int
) -> None:
    home = cells("home", 1)
    cells.begin()
    (pid,) = home.tasks()
    until(lambda: cell_of(pid).cell == home.slot, "the task in its cell")
    with levels(home.cgroup, depth) as deepest:
        try:
            write_at(deepest, "cgroup.procs", str(pid))
            assert Path(f"/proc/{pid}/cgroup").read_text().count(f"/{NAME}") == depth
            ran_ns = sum(home.run_ns())
            until(lambda: sum(home.run_ns()) > ran_ns + 200_000_000, "40 slices of its cell")
            assert cell_of(pid).cell == home.slot
        finally:
            (home.cgroup / "cgroup.procs").write_text(str(pid))
