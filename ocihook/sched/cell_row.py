# SPDX-License-Identifier: Apache-2.0
"""A cell as a document: what schemas/cells.schema.json describes, from the kernel's records. Pure.

Members that only a look at cgroupfs tells, ``cgroup`` and ``tasks``, are left at None and 0.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from ocihook import cpulist
from ocihook.abi import (
    CELL_CLAIMING,
    CELL_DRAINING,
    CELL_FLAG_NO_BORROW,
    CELL_FLAG_NO_LEND,
    CELL_LIVE,
    Cell,
    CellRunNs,
    CellStats,
    CellWaits,
)
from ocihook.cpuset import ANY, Cpuset
from ocihook.sched.waits import below_us

STATES = {CELL_CLAIMING: "claiming", CELL_LIVE: "live", CELL_DRAINING: "draining"}
PERCENTILES = (50, 99)
NS_PER_US = 1000


class Counted(NamedTuple):
    """What was counted for a slot: on each possible CPU, lowest first; for each cache; in all."""

    runs: Sequence[CellRunNs]
    stats: Sequence[CellStats]
    waits: CellWaits


def describe(
    slot: int, cell: Cell, counted: Counted, possible: int, cpus: Cpuset = ANY
) -> dict[str, Any]:
    """Return the document of one slot; ``counted.runs`` is of the CPUs of the mask ``possible``.

    ``cpus`` are those that its cgroups may use; what the slot says of that is of its registration.
    """
    waits = counted.waits
    exec_cpus = cpulist.from_words(cell.exec_allowed)
    own_cpus = cpulist.from_words(cell.own)
    cpuset = cpulist.from_words(cell.allowed)
    unusable = 0
    if cpus.effective is not None:
        cpuset = cpus.effective if cpus.narrows() else 0
        unusable = own_cpus & ~cpus.effective
    usable = cpulist.from_words(cell.usable) if cell.restricted else possible
    if cpuset:
        usable &= cpuset
    return {
        "cell": slot,
        "name": cell.name.decode(errors="replace"),
        "container": cell.container.decode(errors="replace"),
        "cgid": cell.cgid,
        "cgroup": None,
        "members": [],
        "state": STATES.get(cell.state, "claiming"),
        "generation": cell.generation,
        "weight": cell.weight,
        "cpus": cpulist.format(usable & possible),
        "cpuset": cpulist.format(cpuset) if cpuset else None,
        "exec_cpus": cpulist.format(exec_cpus) if exec_cpus else None,
        "own_cpus": cpulist.format(own_cpus) if own_cpus else None,
        "own_cpus_out_of_reach": cpulist.format(unusable) if unusable else None,
        "lend": not cell.flags & CELL_FLAG_NO_LEND,
        "borrow": not cell.flags & CELL_FLAG_NO_BORROW,
        "quota": _quota(cell),
        "tasks": 0,
        "runnable": max(cell.nr_runnable + cell.nr_nested, 0),
        **_counters(counted, possible),
        "throttled_ns": cell.throttled_ns,
        "nr_periods": cell.nr_periods,
        "nr_throttled": cell.nr_throttled,
        "nr_waits": sum(waits.buckets),
        "wait_below_us": {
            f"p{percent}": below_us(waits.buckets, percent) for percent in PERCENTILES
        },
        "waits": list(waits.buckets),
    }


def _quota(cell: Cell) -> dict[str, int] | None:
    if not cell.quota_ns:
        return None
    return {
        "quota_us": cell.quota_ns // NS_PER_US,
        "period_us": cell.period_ns // NS_PER_US,
        "burst_us": cell.burst_ns // NS_PER_US,
    }


def _counters(counted: Counted, possible: int) -> dict[str, Any]:
    """Sum what was counted; beside it ``run_ns`` of each CPU that has any."""
    summed: dict[str, Any] = {"run_ns": sum(part.run_ns for part in counted.runs)}
    summed |= {
        name: sum(getattr(part, name) for part in counted.stats) for name in CellStats.__slots__
    }
    cpus = (cpu for cpu in range(possible.bit_length()) if possible >> cpu & 1)
    summed["run_ns_by_cpu"] = {
        str(cpu): part.run_ns for cpu, part in zip(cpus, counted.runs, strict=True) if part.run_ns
    }
    return summed
