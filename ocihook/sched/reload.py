# SPDX-License-Identifier: Apache-2.0
"""Replace the scheduler that runs, and give every cgroup that is marked its cell again."""

import time
from dataclasses import dataclass

from ocihook._bpf.pinned_array import PinnedArray
from ocihook.abi import CELL_LIVE, Cell
from ocihook.errors import AbiMismatch, SchedulerUnavailable
from ocihook.sched import loader, probe
from ocihook.sched.columns import column
from ocihook.sched.reconcile import restore_cells


@dataclass(frozen=True)
class Reloaded:
    """How a reload went, as schemas/scheduler-reload.schema.json has it.

    Cells are counted by cgroups: one that several share counts for each of them. ``cells_before``
    is None where the old table cannot be read; ``failures`` are lines.
    """

    gap_ms: float | None
    cells_before: int | None
    cells_after: int
    restore_ms: float
    failures: tuple[str, ...]


def _cgroups_with_cells() -> int:
    """Count the cgroups that have a cell, or share one: what marks bring back. Not the host's."""
    cells = PinnedArray("cells", Cell)
    try:
        values = cells.read_first(loader.read_record().nr_slots)
    finally:
        cells.close()
    states, cgids = column(values, Cell, "state"), column(values, Cell, "cgid")
    return sum(
        state == CELL_LIVE and cgid > 0 for state, cgid in zip(states[1:], cgids[1:], strict=True)
    )


def reload_scheduler(given_out: int = 0) -> Reloaded:
    """Replace the scheduler by a new one with the same cells, by their marks.

    What the cells have counted begins anew. A hook that runs meanwhile finds no scheduler, but has
    left its mark before it asked, and the marks are read when the new one runs. `given_out` is as
    of ``restore_cells``.

    Raises:
        SchedulerUnavailable, SystemCallError: as ``loader.reload`` does.
    """
    probe.require_sched_ext()
    try:
        before = _cgroups_with_cells()
    except (AbiMismatch, SchedulerUnavailable):
        before = None  # of another build, or incomplete: what a reload mends
    gap_ms = loader.reload()
    began_s = time.monotonic()
    restored, failures = restore_cells(given_out=given_out)
    restore_ms = (time.monotonic() - began_s) * 1000
    rounded = None if gap_ms is None else round(gap_ms, 1)
    return Reloaded(rounded, before, restored, round(restore_ms, 1), tuple(failures))
