# SPDX-License-Identifier: Apache-2.0
"""Groups of tasks whose CPU time is measured: cgroups, with or without a cell."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ocihook._bpf.pinned import register
from ocihook.errors import SchedulerUnavailable
from ocihook.sched import loader

from .variant import PERIOD_US, Variant, Want, cell_request

PROBE = Path(__file__).resolve().parent / "probe"
PARENT = Path("/sys/fs/cgroup/ocihook-bench")
BURN = "while :; do :; done"
SETTLE_S = 1.0
"""How long tasks run before anything is measured."""


class Group:
    """A cgroup with the tasks that the benchmark puts into it."""

    def __init__(self, name: str, want: Want, ocihook: bool) -> None:
        """Make it, with a cell if ``ocihook``, else with the kernel's own means."""
        self.path = PARENT / name
        self.path.mkdir()
        self._tasks: list[subprocess.Popen[str]] = []
        self._write("cpu.weight", str(want.weight))
        self._write("cpuset.cpus", want.cpuset)
        if ocihook:
            register(cell_request(self.path, want))
            return
        if want.quota_us:
            self._write("cpu.max", f"{want.quota_us} {PERIOD_US}")
        if want.own:
            self._partition(want.own)

    def _write(self, name: str, text: str) -> None:
        (self.path / name).write_text(f"{text}\n")

    def _partition(self, cpus: str) -> None:
        """Make it a partition root: cpuset.cpus.exclusive does so below any parent, since 6.7."""
        (PARENT / "cpuset.cpus.exclusive").write_text(cpus)
        self._write("cpuset.cpus.exclusive", cpus)
        self._write("cpuset.cpus.partition", "root")
        state = (self.path / "cpuset.cpus.partition").read_text().strip()
        if state != "root":
            raise RuntimeError(f"cpuset partition of CPU {cpus}: {state}")

    def start(self, command: str) -> subprocess.Popen[str]:
        """Start a shell command in the group; its output is the caller's to read."""
        line = f"echo $$ >{self.path}/cgroup.procs; {command}"
        task = subprocess.Popen(["/bin/sh", "-c", line], stdout=subprocess.PIPE, text=True)
        self._tasks.append(task)
        return task

    def burn(self, tasks: int) -> None:
        """Start tasks that never sleep."""
        for _ in range(tasks):
            self.start(BURN)

    def probe(self, *arguments: str) -> list[int]:
        """Run the probe in the group; return the numbers that it prints."""
        return numbers(self.start(f"exec {PROBE} {' '.join(arguments)}"))

    def usage_s(self) -> float:
        """Return the CPU time used so far."""
        return int((self.path / "cpu.stat").read_text().split()[1]) / 1e6

    def remove(self) -> None:
        """End what runs in it, and remove it."""
        self._write("cgroup.kill", "1")
        for task in self._tasks:
            with task:  # closes its output and waits for it
                pass
        while "populated 1" in (self.path / "cgroup.events").read_text():
            time.sleep(0.01)
        self.path.rmdir()


def numbers(task: subprocess.Popen[str]) -> list[int]:
    """Wait for a probe to end; return the numbers that it printed."""
    text, _ = task.communicate()
    if task.returncode:
        raise RuntimeError(f"probe: exit status {task.returncode}")
    return [int(number) for number in text.split()]


@contextmanager
def scheduler(variant: Variant) -> Iterator[None]:
    """Run our scheduler meanwhile, where the variant is ours.

    Raises:
        SchedulerUnavailable: it was ejected, so what was measured is the kernel's own.
    """
    if not variant.ocihook:
        yield
        return
    loader.start()
    try:
        yield
        if not loader.is_running():
            raise SchedulerUnavailable(
                "the scheduler was ejected while it was measured", "see: dmesg"
            )
    finally:
        loader.stop()


@contextmanager
def groups(variant: Variant, *names: str) -> Iterator[list[Group]]:
    """Make the variant's groups, and the scheduler with them where it is ours."""
    made: list[Group] = []
    with scheduler(variant):
        try:
            for name, want in zip(names, variant.wants, strict=True):
                made.append(Group(name, want, variant.ocihook))
            yield made
        finally:
            for group in made:
                group.remove()
            (PARENT / "cpuset.cpus.exclusive").write_text("\n")


def cpus_used(made: list[Group], window_s: float) -> list[float]:
    """Return how many CPUs each group used on average while this slept."""
    began = [(time.monotonic(), group.usage_s()) for group in made]
    time.sleep(window_s)
    return [
        (group.usage_s() - used_s) / (time.monotonic() - began_s)
        for group, (began_s, used_s) in zip(made, began, strict=True)
    ]


def cpu_count() -> int:
    """Return how many CPUs the machine has."""
    return os.cpu_count() or 1
