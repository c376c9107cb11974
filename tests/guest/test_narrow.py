# SPDX-License-Identifier: Apache-2.0
"""Cgroups with narrow tasks, beside tasks that may run elsewhere; on four CPUs.

CPUs 2 and 3 belong to another cgroup alone, whose vtime runs ahead of those that share CPUs 0 and
1: two of them with four tasks each there.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from busy_host import busy
from cells import Workloads
from converge import converge
from load import cpus_seen_running
from parity.trees import ROOT, Group, Tree, grown

from ocihook import cpulist

FINAL = cpulist.parse("2-3")
LAST_CPU = Path("/sys/devices/system/cpu/cpu3/online")

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.machine("two-caches"),
    pytest.mark.usefixtures("scheduler"),
]

NAPS = "while :; do sleep 0.2; done"
BUSY = "while :; do :; done"


@contextmanager
def crowded() -> Iterator[Tree]:
    """Make the three cgroups, and return when the clocks of the CPUs are apart."""
    with grown(
        Group("mixed", tasks=4, cpus="0-1"),
        Group("beside", tasks=4, cpus="0-1"),
        Group("ahead", tasks=3, cpus="2-3"),
    ) as tree:
        converge(list(tree.parties.values()), lambda used: used[2] > 1.6, slices=0)
        yield tree


@contextmanager
def anywhere(script: str) -> Iterator[None]:
    """Run a script in `mixed` that may use all CPUs."""
    words = ["/bin/sh", "-c", f'echo 0 >"$0"; {script}', str(ROOT / "mixed/cgroup.procs")]
    with subprocess.Popen(words) as task:
        try:
            yield
        finally:
            task.kill()


def test_a_task_that_wakes_up_costs_the_narrow_ones_nothing() -> None:
    """It lifted their cgroup to the clock of CPUs 2 and 3: for seconds they had nothing.

    What its naps cost goes to the account of `mixed`, on any CPU.
    """
    with crowded() as tree, anywhere(NAPS):
        converge(
            list(tree.parties.values()),
            lambda used: abs(used[0] - used[1]) < 0.25 and used[2] > 0.8,
        )


def test_a_busy_task_counts_with_the_narrow_ones() -> None:
    """A third for each cgroup, once the clocks have met."""
    with crowded() as tree, anywhere(BUSY):
        converge(list(tree.parties.values()), lambda used: max(used) - min(used) < 0.3)


def test_a_task_that_is_bound_beside_crowded_cpus() -> None:
    """What waits on CPUs 0 and 1 is owed more, and may not run on CPU 3: it is passed over."""
    with crowded() as tree, grown(Group("bound", tasks=1, cpus="3")) as other:
        parties = [other.parties["/bound"], tree.parties["/ahead"]]
        # Each is alone on a CPU for most of its time, so slices are few.
        converge(parties, lambda used: min(used) > 0.7, slices=30)


def test_exec_cpus_of_which_one_is_offline(cells: Workloads) -> None:
    """Tasks that join the cell have the other one, and not any that is online."""
    cell = cells("final", exec_allowed=FINAL)
    try:
        LAST_CPU.write_text("0")
        with busy(4) as tasks:
            for pid in tasks:
                (cell.cgroup / "cgroup.procs").write_text(str(pid))
            cpus_seen_running(tasks, 0.2)
            assert cpus_seen_running(tasks, 0.5) == {2}
    finally:
        LAST_CPU.write_text("1")
