# SPDX-License-Identifier: Apache-2.0
"""Busy tasks whose affinity, cpuset and cell change all the time, most often while they wait."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator

import pytest
from bundle import burn
from conftest import Make
from load import cpus_seen, demand_progress, run_all, task_ns, tasks_of

pytestmark = pytest.mark.usefixtures("scheduler")

SECONDS = 7
CPUSETS: tuple[set[int], ...] = ({0}, {1}, {0, 1})


def sweeping(choices: tuple[set[int], ...]) -> Iterator[set[int]]:
    """Yield the choices over and over for SECONDS."""
    deadline = time.monotonic() + SECONDS
    for choice in itertools.cycle(choices):
        if time.monotonic() > deadline:
            return
        yield choice
        time.sleep(0.003)


def test_everything_moves_at_once(make: Make) -> None:
    affine, confined, one, other = made = [
        make(("runc", "crun")[i % 2], name, burn(3))
        for i, name in enumerate(("affine", "confined", "one", "other"))
    ]
    run_all(made)
    bound, travellers = tasks_of(affine.cgroup), tasks_of(one.cgroup)[1:]
    tasks = [pid for container in made for pid in tasks_of(container.cgroup)]
    began = {pid: task_ns(pid) for pid in tasks}
    used_before = time.monotonic()
    for step, cpus in enumerate(sweeping(CPUSETS)):
        for pid in bound:
            os.sched_setaffinity(pid, cpus)
        (confined.cgroup / "cpuset.cpus").write_text(",".join(map(str, cpus)))
        for pid in travellers:
            to = (one, other)[step % 2]
            (to.cgroup / "cgroup.procs").write_text(str(pid))
    assert time.monotonic() - used_before >= SECONDS
    ran = {pid: task_ns(pid) - began[pid] for pid in tasks}
    assert min(ran.values()) > 0.1e9, ran

    for pid in bound:
        os.sched_setaffinity(pid, {1})
    (confined.cgroup / "cpuset.cpus").write_text("0")
    for pid in travellers:
        (other.cgroup / "cgroup.procs").write_text(str(pid))
    time.sleep(0.5)
    demand_progress(made)
    assert cpus_seen(bound, 2) == {1}
    assert cpus_seen(tasks_of(confined.cgroup), 2) == {0}
