# SPDX-License-Identifier: Apache-2.0
"""Busy tasks of the host, which are in no container's cell, as a party beside cells."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from cells import SPIN
from converge import Use

from ocihook._bpf.pinned_array import PinnedArray
from ocihook.abi import CellStats
from ocihook.topology import possible_cpus


class Host:
    """Cell 0, by the scheduler's own counters: it is no single cgroup."""

    def use(self) -> Use:
        """Return the CPU time and the slices of all that is in no other cell."""
        table = PinnedArray("cell_stats", CellStats, copies=possible_cpus().bit_count())
        try:
            parts = table.read(0)
        finally:
            table.close()
        now_ns = time.monotonic_ns()
        return Use(now_ns, sum(part.run_ns for part in parts), sum(part.nr_runs for part in parts))


@contextmanager
def busy(tasks: int, cpus: str = "") -> Iterator[list[int]]:
    """Run tasks of the host that never sleep, bound to a list of CPUs if it is given."""
    bound = ["taskset", "--cpu-list", cpus] if cpus else []
    started = [subprocess.Popen([*bound, "/bin/sh", "-c", SPIN]) for _ in range(tasks)]
    try:
        yield [task.pid for task in started]
    finally:
        for task in started:
            task.kill()
            task.wait()
