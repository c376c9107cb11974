# SPDX-License-Identifier: Apache-2.0
"""A cell that comes gets its part at once, however far ahead or behind others have got meanwhile.

CPU time is the clock: of each the part is judged that it has got by the time when others have got
theirs. Where the newcomer was compared with the wrong ones, it had nothing or all of that.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable

import pytest
from cells import SPIN, Workload, Workloads
from converge import REST, Party, Task
from waiting import until

pytestmark = [pytest.mark.once, pytest.mark.alone, pytest.mark.usefixtures("scheduler")]

CROWD = 10
AHEAD_S = 1.0


def parts(parties: Iterable[Party], run_s: float) -> list[float]:
    """Return what each party uses until all of them together have used so much, in seconds."""
    parties = list(parties)
    before = [party.use().run_ns for party in parties]

    def used() -> list[float]:
        return [(party.use().run_ns - b) / 1e9 for party, b in zip(parties, before, strict=True)]

    until(lambda: sum(used()) > run_s, f"{run_s:g} s of CPU time", rest=REST)
    return used()


def crowded(cells: Workloads) -> list[Workload]:
    """Have ten cells share CPU 0, and two that may run on both share CPU 1: five times as much.

    Return when the two are ``AHEAD_S`` ahead: placed beside them, a newcomer on CPU 0 would wait
    for ``CROWD`` times as long. What all of them used does not tell that. On a loaded machine this
    process took most of CPU 1, being due half of the machine, and the two were not ahead at all.
    """
    crowd = [cells(f"crowd{i}") for i in range(CROWD)]
    for cell in crowd:
        cell.burn(1, cpus="0")
    wide = [cells(f"wide{i}", 1) for i in range(2)]
    cells.begin()

    def ahead_s() -> float:
        most = max(cell.use().run_ns for cell in crowd)
        return (min(cell.use().run_ns for cell in wide) - most) / 1e9

    until(lambda: ahead_s() > AHEAD_S, f"{AHEAD_S:g} s ahead", rest=REST, seen=ahead_s)
    return crowd


def test_a_cell_that_may_run_everywhere(cells: Workloads) -> None:
    """It comes to two whose tasks are bound: it had both CPUs for as long as they had shared them.

    Of 3 s each is due one.
    """
    bound = [cells(f"bound{i}") for i in range(2)]
    for cell in bound:
        cell.burn(1, cpus="0")
        cell.burn(1, cpus="1")
    cells.begin()
    parts(bound, 8.0)
    comes = cells("comes", 2)
    cells.begin()
    until(lambda: comes.use().run_ns > 1e7, "its first slices")
    used = parts([*bound, comes], 3.0)
    assert max(used) < 1.4, used


def test_a_cell_that_is_bound_to_a_crowded_cpu(cells: Workloads) -> None:
    """It was placed beside those that share the other CPU, and had a slice a second for ever."""
    crowd = crowded(cells)
    comes = cells("comes")
    comes.burn(1, cpus="0")
    began = comes.use().run_ns
    cells.begin()
    until(lambda: comes.use().run_ns > began, "its first slice")
    *others, used = parts([*crowd, comes], 3.0)
    assert used > sum(others) / CROWD / 2, (others, used)


def test_a_bound_task_of_the_host(cells: Workloads) -> None:
    """What the host's other tasks do elsewhere made it wait for a second for each slice."""
    crowd = crowded(cells)
    with subprocess.Popen(["taskset", "--cpu-list", "0", "/bin/sh", "-c", SPIN]) as task:
        try:
            *others, used = parts([*crowd, Task(task.pid)], 3.0)
        finally:
            task.kill()
    assert used > sum(others) / CROWD / 2, (others, used)
