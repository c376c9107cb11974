# SPDX-License-Identifier: Apache-2.0
"""Slots of the cell table that are used again: no task follows its old slot to a new owner."""

from __future__ import annotations

import pytest
from cells import Workloads
from converge import task_use
from waiting import until

from ocihook._bpf.pinned import cell_of, register, sweep
from ocihook.abi import CELL_FREE, CELL_NODE, CellRequest

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("scheduler")]


@pytest.mark.quick
def test_tasks_of_a_released_cell_do_not_join_the_next_one(cells: Workloads) -> None:
    """The cgroup still names the slot; only the slot tells that it is another's by now.

    Without the cpu controller: with it, the cgroup keeps its slot as a node of the tree.
    """
    first = cells("first", 1)
    cells.begin()
    (pid,) = first.tasks()
    until(lambda: cell_of(pid).cell == first.slot, "the task in its cell")
    assert first.release() == 1
    until(lambda: cell_of(pid).cell == 0, "the task in the host's cell")
    assert first.cell().state == CELL_NODE
    (cells.parent / "cgroup.subtree_control").write_text("-cpu")
    until(lambda: sweep() and first.cell().state == CELL_FREE, "a free slot")

    second = cells.parent / "second"
    second.mkdir()
    try:
        slot, generation = register(CellRequest(cgid=second.stat().st_ino, name=b"second"))
        assert (slot, generation > first.generation) == (first.slot, True)
        ran_ns = task_use(pid).run_ns
        until(
            lambda: task_use(pid).run_ns > ran_ns + 100_000_000, "twenty slices, each with a look"
        )
        assert cell_of(pid).cell == 0
    finally:
        second.rmdir()
