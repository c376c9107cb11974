# SPDX-License-Identifier: Apache-2.0
"""Busy tasks whose affinity, cpuset and cell change all the time, most often while they wait."""

from __future__ import annotations

import os

import pytest
from cells import Workloads
from converge import demand_progress, task_use
from load import cpus_seen_running
from session import THOROUGH
from waiting import DEADLINE_S, ticks_until

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("scheduler")]

CPUSETS: tuple[set[int], ...] = ({0}, {1}, {0, 1})

MOVES = 200 if THOROUGH else 30
AVERAGE_S = 1.2 if THOROUGH else 0.4
"""CPU time of a task meanwhile; each has to have 0.1 s of it."""


def test_everything_moves_at_once(cells: Workloads) -> None:
    """Affinities, a cpuset, and the cell of two tasks; then all come to rest where they may be."""
    affine, confined, one, other = made = [
        cells(name, 3) for name in ("affine", "confined", "one", "other")
    ]
    bound, travellers = affine.tasks(), one.tasks()[1:]
    tasks = [pid for cell in made for pid in cell.tasks()]
    began_ns = {pid: task_use(pid).run_ns for pid in tasks}
    cells.begin()
    ran_s: dict[int, float] = {}
    for move, _ in enumerate(ticks_until(DEADLINE_S, step_s=0.003)):
        cpus = CPUSETS[move % len(CPUSETS)]
        for pid in bound:
            os.sched_setaffinity(pid, cpus)
        (confined.cgroup / "cpuset.cpus").write_text(",".join(map(str, cpus)))
        for pid in travellers:
            to = (one, other)[move % 2]
            (to.cgroup / "cgroup.procs").write_text(str(pid))
        ran_s = {pid: (task_use(pid).run_ns - began_ns[pid]) / 1e9 for pid in tasks}
        if move >= MOVES and sum(ran_s.values()) >= AVERAGE_S * len(tasks):
            break
    else:
        raise AssertionError(f"not {MOVES} moves and {AVERAGE_S} s a task: {ran_s}")
    assert min(ran_s.values()) > 0.1, ran_s

    for pid in bound:
        os.sched_setaffinity(pid, {1})
    (confined.cgroup / "cpuset.cpus").write_text("0")
    for pid in travellers:
        (other.cgroup / "cgroup.procs").write_text(str(pid))
    demand_progress(made)
    assert cpus_seen_running(bound, 0.3) == {1}
    assert cpus_seen_running(confined.tasks(), 0.3) == {0}
