# SPDX-License-Identifier: Apache-2.0
"""Demand a share, a limit or a rate, measured until it means something and no longer.

The figure is the cumulated one: that of all the time since the measurement began. A test passes as
soon as the figure has held for a stretch in which each judged party used ``CPU_S`` of CPU time and
got ``SLICES`` slices, and in which the figure of that stretch alone holds as well. It fails only at
the deadline, with the whole series.

A loaded machine makes a test longer and not red, since the parties' CPU time is its clock. A wrong
scheduler does not pass: its cumulated figure tends to a wrong value, and is within the bound at
most while it passes through; then the stretch's own figure is beyond the bound, on the other side.
A lucky sample proves nothing, since no sample counts by itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from waiting import DEADLINE_S, ticks_until

CPU_S = 3.0
SLICES = 200
STEP_S = 0.25
REST = 30.0
"""A measurement takes a thirtieth of one CPU: reading many files is work."""

Bound = Callable[[list[float]], bool]
"""Tells whether it holds, of the CPUs that each party used on average."""


class Use(NamedTuple):
    """The CPU time that a party has used so far, and in how many slices."""

    at_ns: int
    run_ns: int
    slices: int


class Party(Protocol):
    """Anything that uses CPU time: a cell, a container, a task, the host."""

    def use(self) -> Use:
        """Return its use so far."""


def cgroup_use(cgroup: Path) -> Use:
    """Return the use of a cgroup: CPU time by cpu.stat, slices by schedstat of its tasks."""
    text = (cgroup / "cpu.stat").read_text()
    run_us = int(text.partition("usage_usec ")[2].split()[0])
    pids = (cgroup / "cgroup.procs").read_text().split()
    return Use(time.monotonic_ns(), run_us * 1000, sum(task_use(int(pid)).slices for pid in pids))


def task_use(pid: int) -> Use:
    """Return the use of a thread (schedstat, Documentation/scheduler/sched-stats.rst)."""
    try:
        run_ns, _, slices = Path(f"/proc/{pid}/schedstat").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return Use(time.monotonic_ns(), 0, 0)
    return Use(time.monotonic_ns(), int(run_ns), int(slices))


class Task(NamedTuple):
    """A single thread as a party."""

    pid: int

    def use(self) -> Use:
        """Return its use so far."""
        return task_use(self.pid)


def converge(
    parties: Sequence[Party],
    bound: Bound,
    *,
    judged: Sequence[Party] | None = None,
    cpu_s: float = CPU_S,
    slices: int = SLICES,
    timeout_s: float = DEADLINE_S,
) -> list[float]:
    """Measure until the bound has held long enough; return the CPUs that each party used.

    :param judged: the parties whose CPU time and slices decide how long that is, without those
        which are to get next to nothing; all of them if it is left out
    :param slices: 0 where nothing competes, and a task runs on without a switch
    :raises AssertionError: at the deadline, with the series of all figures
    """
    began = [party.use() for party in parties]
    chosen = [i for i, party in enumerate(parties) if judged is None or party in judged]
    held_from: list[Use] | None = began
    series: list[str] = []
    for elapsed_s in ticks_until(timeout_s, STEP_S, REST):
        if not elapsed_s:
            continue
        now = [party.use() for party in parties]
        figure = _cpus(began, now)
        holds = _holds(bound, figure)
        series.append(f"{elapsed_s:6.2f} s {'holds' if holds else 'no   '} {_text(figure)}")
        if not holds:
            held_from = None
        elif held_from is None:
            held_from = now
        elif _enough(held_from, now, chosen, cpu_s, slices) and _holds(
            bound, _cpus(held_from, now)
        ):
            return figure
    lines = "\n".join(series)
    raise AssertionError(f"CPUs of each party, not within the bound for long enough:\n{lines}")


def demand_cpus(
    party: Party, cpus: float, rel: float, beside: Sequence[Party] = (), **options: float
) -> list[float]:
    """Demand that the party uses so many CPUs, ``rel`` of that more or less at most."""
    low, high = cpus * (1 - rel), cpus * (1 + rel)
    parties = [party, *beside]
    return converge(parties, lambda used: low <= used[0] <= high, judged=[party], **options)  # type: ignore[arg-type]


def demand_ratio(few: Party, many: Party, ratio: float, rel: float) -> list[float]:
    """Demand that ``many`` gets so many times the CPU time of ``few``, within ``rel`` of that."""
    low, high = ratio * (1 - rel), ratio * (1 + rel)
    return converge([few, many], lambda used: low <= used[1] / used[0] <= high)


def demand_progress(parties: Sequence[Party], slices: int = 20) -> list[float]:
    """Demand that each party gets a part of the CPUs worth the name: a quarter of the average.

    Their shares are measured elsewhere; this is for machines in turmoil.
    """

    def bound(used: list[float]) -> bool:
        average = sum(used) / len(used)
        return average > 0.05 and min(used) > average / 4

    return converge(parties, bound, cpu_s=0.25, slices=slices)


def _cpus(before: list[Use], after: list[Use]) -> list[float]:
    # Each over its own interval: on a busy emulated machine, reading twenty files takes seconds.
    return [
        (now.run_ns - then.run_ns) / max(now.at_ns - then.at_ns, 1)
        for then, now in zip(before, after, strict=True)
    ]


def _holds(bound: Bound, figure: list[float]) -> bool:
    try:
        return bound(figure)
    except ZeroDivisionError:
        return False


def _enough(
    before: list[Use], after: list[Use], chosen: list[int], cpu_s: float, slices: int
) -> bool:
    return all(
        after[i].run_ns - before[i].run_ns >= cpu_s * 1e9
        and after[i].slices - before[i].slices >= slices
        for i in chosen
    )


def _text(figure: list[float]) -> str:
    return " ".join(f"{cpus:.3f}" for cpus in figure)
