# SPDX-License-Identifier: Apache-2.0
"""``ocihook cells set``: the live cell changes at once, and its mark for the next scheduler."""

from __future__ import annotations

import os
from contextlib import contextmanager

import pytest
from busy_host import Host
from cells import Workload, Workloads, workloads
from command import command, ocihook
from converge import converge

from ocihook import mark
from ocihook.cell import CellSpec
from ocihook.errors import InputError, OwnCpusTaken
from ocihook.paths import CELL_MARK
from ocihook.sched import loader
from ocihook.sched.cell_set import change_cell
from ocihook.sched.cells import list_cells
from ocihook.sched.change import Change, parse_quota

CPUS = os.cpu_count() or 1


def marked(cell: Workload) -> CellSpec:
    return mark.read(os.getxattr(cell.cgroup, CELL_MARK))


@pytest.mark.once
def test_by_number_name_and_id(cells: Workloads) -> None:
    made = cells("set")
    cell = made.row()
    ocihook("cells", "set", str(cell["cell"]), "--weight", "150")
    assert made.row()["weight"] == 150
    for which, weight in ((cell["name"], 250), (made.id, 350), (made.id[:-1], 450)):
        change_cell(which, Change(weight=weight))
        now = made.row()
        assert (now["cell"], now["generation"]) == (cell["cell"], cell["generation"])
        assert now["weight"] == weight
        assert (marked(made).weight, marked(made).fixed_weight) == (weight, True)


@pytest.mark.once
def test_own_cpus(cells: Workloads) -> None:
    """Of two CPUs one is always shared, so the second cell that wants its own has to wait."""
    first, second = cells("a"), cells("b")
    outcome = change_cell(first.id, Change(cpus=(1, 0)))
    assert outcome.spec.own.bit_count() == 1
    assert first.row()["own_cpus"] == f"{outcome.spec.own.bit_length() - 1}"
    assert (marked(first).own, marked(first).own_count) == (outcome.spec.own, 1)

    with pytest.raises(OwnCpusTaken):
        change_cell(second.id, Change(weight=450, cpus=(CPUS, 0)))
    unchanged = second.row()
    assert unchanged["weight"] == 100
    assert not unchanged["own_cpus"]
    assert not marked(second).wishes_own()

    change_cell(first.id, Change(cpus=(0, 0)))
    assert not first.row()["own_cpus"]
    assert change_cell(second.id, Change(cpus=(0, outcome.spec.own))).spec.own == outcome.spec.own


@pytest.mark.once
def test_quota(cells: Workloads) -> None:
    made = cells("limited")
    done = command("cells", "set", made.id, "--quota", "50%", "--burst", "10000")
    assert "quota 50000 us of 100000 us, burst 10000 us" in done.stdout
    assert made.row()["quota"] == {"quota_us": 50000, "period_us": 100000, "burst_us": 10000}
    assert (marked(made).quota_ns, marked(made).fixed_quota) == (50_000_000, True)
    # It was named: what is written to the cgroup afterwards does not count.
    (made.cgroup / "cpu.max").write_text("70000 100000")
    assert made.row()["quota"]["quota_us"] == 50000
    change_cell(made.id, Change(quota_us=parse_quota("max")))
    assert made.row()["quota"] is None


@pytest.mark.once
@pytest.mark.alone
def test_running_tasks_follow_at_once(cells: Workloads) -> None:
    """Two cells of one weight, then 300 to 100, then the heavier one with a limit."""
    light, heavy, host = cells("light", CPUS), cells("heavy", CPUS), Host()
    cells.begin()
    command("cells", "set", heavy.id, "--weight", "300")
    # The ratio as such is measured for longer in test_sharing.py: here, that it is the new one.
    converge([light, heavy], lambda used: abs(used[1] / used[0] - 3) <= 0.15 * 3, cpu_s=1.5)
    command("cells", "set", heavy.id, "--quota", "30%")

    def bound(used: list[float]) -> bool:
        # The light one gets the rest, less the host's time: it is this measurement that takes it.
        left = CPUS - used[1] - used[2]
        return abs(used[1] - 0.3) <= 0.15 * 0.3 and used[0] > (CPUS - 0.6) / (CPUS - 0.3) * left

    # 1 s of 0.3 CPUs is more than 30 periods.
    converge([light, heavy, host], bound, judged=[light, heavy], cpu_s=1.0, slices=100)


@pytest.mark.once
def test_shared_cell(cells: Workloads) -> None:
    members = [cells(name, name="pool", shared=True) for name in ("a", "b")]
    outcome = change_cell("pool", Change(weight=450, borrow=False))
    (pool,) = (cell for cell in list_cells() if cell["cell"] == outcome.slot)
    assert {member["container"] for member in pool["members"]} == {each.id for each in members}
    assert (pool["weight"], pool["borrow"]) == (450, False)
    for member in members:
        assert (marked(member).weight, marked(member).borrow) == (450, False)


@pytest.mark.once
@pytest.mark.usefixtures("scheduler")
def test_cells_that_are_not_to_be_changed() -> None:
    for which in ("0", "host", "nonsense"):
        with pytest.raises(InputError):
            change_cell(which, Change(weight=5))
    done = command("cells", "set", "nonsense", "--weight", "5", check=False)
    assert done.returncode == os.EX_DATAERR
    assert "cell 'nonsense': there is none (see: ocihook cells)" in done.stderr


@pytest.mark.once
def test_changes_outlive_the_scheduler() -> None:
    loader.start()
    with contextmanager(workloads)() as cells:
        made = cells("kept")
        change_cell(made.id, Change(weight=450, cpus=(1, 0), lend=False))
        before = made.row()
        loader.stop()
        done = command("scheduler", "start")
        assert done.stderr == "", "a cell that cannot be restored is named there"
        after = made.row()
        for key in ("weight", "own_cpus", "lend"):
            assert after[key] == before[key]
        assert after["own_cpus"]
