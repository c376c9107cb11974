# SPDX-License-Identifier: Apache-2.0
"""What the kernel prints of the scheduler: by sysrq-D, through the sched_ext_dump tracepoint."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cells import Workloads
from waiting import until

from ocihook import mark
from ocihook._bpf.pinned import register
from ocihook.paths import CELL_MARK

TRACING = Path("/sys/kernel/tracing")

pytestmark = pytest.mark.usefixtures("scheduler")


@pytest.fixture
def _traced() -> Iterator[None]:
    if not (TRACING / "trace").exists():
        subprocess.run(["mount", "-t", "tracefs", "nodev", str(TRACING)], check=True)
    enable = TRACING / "events" / "sched_ext" / "sched_ext_dump" / "enable"
    enable.write_text("1")
    yield
    enable.write_text("0")


def dump() -> list[str]:
    """Have the scheduler's state dumped; return the lines, as the kernel indents them."""
    (TRACING / "trace").write_text("")
    Path("/proc/sysrq-trigger").write_text("D")
    lines = (TRACING / "trace").read_text().splitlines()
    return [line.split("sched_ext_dump: ", 1)[1] for line in lines if "sched_ext_dump: " in line]


def matching(pattern: str, lines: list[str]) -> list[re.Match[str]]:
    return [match for match in (re.search(pattern, line) for line in lines) if match]


def tasks_of(cell: dict[str, Any], lines: list[str]) -> list[re.Match[str]]:
    """Return the lines of tasks that are in the cell, and came there before it was one."""
    return matching(
        rf"^ +cell={cell['cell']} generation={cell['generation']} \(now {cell['generation']}\)"
        r" vtime=-?\d+ waiting=(-?\d+) narrow=0 confined=0 joined=0$",
        lines,
    )


def dump_of_tasks(cell: dict[str, Any], count: int) -> list[str] | None:
    """Return a dump that has so many tasks of the cell, one of them running, or None.

    The kernel dumps one CPU after the other. A task that changes from one to another meanwhile is
    in neither list, or in both. On a loaded machine other tasks may have both CPUs.
    """
    lines = dump()
    waits = [int(match[1]) for match in tasks_of(cell, lines)]
    return lines if len(waits) == count and 0 in waits else None


@pytest.mark.kernel
@pytest.mark.usefixtures("_traced")
def test_dump_names_cells_cpus_and_tasks(cells: Workloads) -> None:
    """Three busy tasks for two CPUs: two run, at least one waits.

    They are in the cgroup before the cell is, as a container's are when its hook runs: not joined.
    """
    busy, idle = cells("busy", 3, weight=300), cells("idle")
    idle.start("/bin/sleep", "1000")
    until(idle.tasks, "the sleeping task")
    assert busy.release() == 1
    spec = mark.read(os.getxattr(busy.cgroup, CELL_MARK))
    busy.slot, busy.generation = register(spec.request(busy.cgid))
    cells.begin()
    until(lambda: busy.cell().nr_runnable == 3, "three busy tasks")
    cell, sleeping = busy.row(), idle.row()
    lines = until(lambda: dump_of_tasks(cell, 3), "all three, one of them running", seen=dump)
    text = "\n".join(lines)

    assert matching(r"^ocihook: ABI \d+, clock of the cells \d+$", lines), text
    at = {
        int(match[1]): (match[2], match[3], number)
        for number, line in enumerate(lines)
        if (match := re.match(r"cell (\d+) generation \d+ (\w+): (.*)$", line))
    }
    assert at[0][:2] == ("live", "host"), text
    state, name, number = at[cell["cell"]]
    assert (state, name) == ("live", cell["name"])
    numbers = re.match(
        r"  weight=(\d+) vtime=(-?\d+) runnable=(\d+) queued=(\d+) queues=(\d+)$",
        lines[number + 1],
    )
    assert numbers, lines[number + 1]
    assert (int(numbers[1]), int(numbers[3]), int(numbers[5])) == (300, 3, 1)
    assert at[sleeping["cell"]][2] > number, "busy cells come first"

    # Below 0 where the task began on another CPU after the time of this one's run queue was read.
    running = matching(rf"^ +cell={cell['cell']} running for -?\d+ ns$", lines)
    tasks = tasks_of(cell, lines)
    waiting = [match for match in tasks if int(match[1])]
    # Our own write to sysrq-trigger holds the other CPU.
    assert len(running) == len(tasks) - len(waiting), text
    assert 1 <= len(waiting) <= 2, text


@pytest.mark.once
@pytest.mark.alone
@pytest.mark.usefixtures("_traced")
def test_dump_says_what_a_throttled_cell_waits_for(cells: Workloads) -> None:
    made = cells("throttled", 2, quota_ns=1_000_000, period_ns=1_000_000_000)
    cells.begin()
    waiting = re.compile(
        rf"^cell {made.slot} .*\n"
        r"  weight=100 vtime=-?\d+ runnable=2 queued=2 queues=1\n"
        r"  quota=1000000 period=1000000000 budget=(0|-\d+) throttled=[1-9]\d*$",
        re.MULTILINE,
    )
    # Once a second it runs for a moment.
    until(
        lambda: waiting.search("\n".join(dump())),
        "a cell that waits",
        timeout_s=20,
        step_s=0.3,
        seen=lambda: "\n".join(dump()),
    )
