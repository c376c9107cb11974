# SPDX-License-Identifier: Apache-2.0
"""Busy tasks of the host, which are in no container's cell, as a party beside cells."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from cells import SPIN, run_ns_of, stats_of
from converge import Use


class Host:
    """Cell 0, by the scheduler's own counters: it is no single cgroup."""

    def use(self) -> Use:
        """Return the CPU time and the slices of all that is in no other cell."""
        run_ns = sum(part.run_ns for part in run_ns_of(0))
        slices = sum(part.nr_runs for part in stats_of(0))
        return Use(time.monotonic_ns(), run_ns, slices)


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
