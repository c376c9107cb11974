# SPDX-License-Identifier: Apache-2.0
"""Own CPUs: lent while idle, back when their owner wakes. Two CPUs, of which one may be owned."""

from __future__ import annotations

import os
from typing import Any

import pytest
from bundle import BURN, Container, Make
from busy_host import busy
from cells import Workload, Workloads, cells_of
from converge import Task, converge
from waiting import until

from ocihook import cpulist
from ocihook.sched.cells import list_cells
from ocihook.sched.loader import read_record
from ocihook.sched.reconcile import restore_cells

pytestmark = pytest.mark.usefixtures("scheduler")

SLEEP = ("/bin/sleep", "1000")
OWN = "1"
"""The CPU that is asked for by its number; 0 stays the host's."""


def owner(cells: Workloads, name: str = "owner", **members: Any) -> Workload:
    """Make the cell that wishes the one CPU; its tasks come later, by ``burn``."""
    return cells(name, own_list=cpulist.parse(OWN), **members)


def owned() -> int:
    """Return the mask of all CPUs that are a cell's own."""
    return cpulist.from_words(read_record().owned)


@pytest.mark.runtime
def test_wishes_of_containers(runtime: str, make: Make) -> None:
    """By number and by count, degraded, refused, and given back by poststop."""

    def container(name: str, **wishes: str) -> Container:
        wanted = {f"org.ocihook/{key}": value for key, value in wishes.items()}
        return make(runtime, name, SLEEP, annotations=wanted)

    mine = container("mine", cpus=f"{OWN}-{OWN}").create()
    assert cells_of(mine.id)[0]["own_cpus"] == OWN, "by number"
    poor = container("poor", cpus=f"{OWN}-{OWN}").create()
    assert not cells_of(poor.id)[0]["own_cpus"], "the start goes on without what is taken"
    strict = container("strict", cpus=f"{OWN}-{OWN}", required="true")
    done = strict.call("create", "--bundle", os.fspath(strict.bundle), strict.id, check=False)
    assert done.returncode != 0, "a required wish is the end of the start"
    assert cells_of(mine.id)[0]["own_cpus"] == OWN, "taken from none"
    mine.delete()
    assert owned() == 0, "given back"

    counted = container("counted", cpus="1").create()
    (cell,) = cells_of(counted.id)
    assert len(cell["own_cpus"]) == 1, "picked by count"
    assert owned() == cpulist.parse(cell["own_cpus"])
    counted.delete()
    assert owned() == 0, "given back"


@pytest.mark.runtime
def test_containers_of_one_name_are_one_cell(make: Make) -> None:
    """Of two runtimes: members come and go, and the last takes the cell with it."""
    name = {"org.ocihook/cell": "web"}
    pair = [make(runtime, runtime, BURN, annotations=name).create() for runtime in ("runc", "crun")]
    cell = cells_of(pair[0].id)[0]
    assert cell["cell"] == cells_of(pair[1].id)[0]["cell"]
    assert {member["container"] for member in cell["members"]} == {each.id for each in pair}
    pair[0].delete()
    assert len(cells_of(pair[1].id)[0]["members"]) == 1
    pair[1].delete()
    assert not live_of_name("web")


def live_of_name(name: str) -> list[dict[str, Any]]:
    """Return the live cells of a name."""
    return [cell for cell in list_cells() if cell["name"] == name and cell["state"] == "live"]


@pytest.mark.kernel
@pytest.mark.quick
def test_own_cpu_is_lent_while_idle_and_comes_back(cells: Workloads) -> None:
    """The owner has no task yet; then it is busy; then its tasks are gone.

    Two others: by weight alone, each of the three would have two thirds of a CPU.
    """
    mine, others, more = owner(cells), cells("others", 2), cells("more", 2)
    assert mine.row()["own_cpus"] == OWN
    cells.begin()
    # 3 s on two CPUs: more than the time that has to be lent.
    converge([others, more], lambda used: sum(used) > 1.5)
    mine.burn(2)
    converge([mine, others, more], lambda used: used[0] > 0.8 and used[1] + used[2] > 0.7)
    assert sum(each.row()["borrowed_ns"] for each in (others, more)) > 2e9
    assert mine.row()["lent_ns"] > 2e9
    mine.kill_tasks()
    converge([others, more], lambda used: sum(used) > 1.5)


@pytest.mark.once
@pytest.mark.alone
def test_own_cpu_that_is_not_lent_stays_idle(cells: Workloads) -> None:
    """Until its owner is busy."""
    others = cells("others", 4)
    mine = owner(cells, lend=False)
    cells.begin()
    converge([others], lambda used: used[0] < 1.1)
    assert not others.row()["borrowed_ns"]
    mine.burn(2)
    converge([mine, others], lambda used: used[0] > 0.8)


@pytest.mark.once
@pytest.mark.alone
def test_cell_that_does_not_borrow_leaves_it_alone(cells: Workloads) -> None:
    others = cells("others", 4, borrow=False)
    owner(cells)
    cells.begin()
    converge([others], lambda used: used[0] < 1.1)


@pytest.mark.once
@pytest.mark.alone
def test_owner_borrows_what_no_other_wants(cells: Workloads) -> None:
    """Two tasks, one own CPU: the other CPU as well while it is idle, none of it once it is not."""
    mine = owner(cells)
    mine.burn(2)
    cells.begin()
    converge([mine], lambda used: used[0] > 1.5, slices=0)
    others = cells("others", 2)
    converge([mine, others], lambda used: used[0] < 1.2 and used[1] > 0.7)


@pytest.mark.kernel
@pytest.mark.quick
def test_task_bound_to_anothers_own_cpu_gets_a_little(cells: Workloads) -> None:
    """The kernel can run it nowhere else, so it is not starved; nor may it take much."""
    mine, others = owner(cells), cells("others", 2)
    mine.burn(2)
    with busy(1, cpus=OWN) as (task,):
        cells.begin()
        converge(
            [Task(task), mine, others],
            lambda used: 0.03 < used[0] < 0.35 and used[1] > 0.6,
            judged=[mine],
        )


@pytest.mark.kernel
def test_own_cpu_out_of_reach_is_nobodys_meanwhile(cells: Workloads) -> None:
    """A cpuset that narrows, as of a slice or by a partition elsewhere, and grows again."""
    mine, others = owner(cells, lend=False), cells("others", 2)
    mine.burn(2)
    cells.begin()
    for _ in range(3):
        (mine.cgroup / "cpuset.cpus").write_text("0-1")
        until(lambda: others.row()["cpus"] == "0", "the owner has its CPU")
        (mine.cgroup / "cpuset.cpus").write_text("0")
        until(lambda: others.row()["cpus"] == "0-1", "the CPU has no owner")
    row = mine.row()
    assert (row["own_cpus"], row["own_cpus_out_of_reach"], row["cpus"]) == (OWN, OWN, "0")
    # Not a guest on CPU 0: that would be an eighth.
    converge([mine, others], lambda used: min(used) > 0.8)
    (mine.cgroup / "cpuset.cpus").write_text("0-1")
    until(lambda: others.row()["cpus"] == "0", "the owner has its CPU again")
    assert mine.row()["own_cpus_out_of_reach"] is None
    converge([mine, others], lambda used: used[0] > 0.8 and used[1] > 0.5)


@pytest.mark.kernel
def test_own_cpus_only_among_those_in_force(cells: Workloads) -> None:
    """A cpuset that stands above; when it has grown, what a reload does chooses anew."""
    (cells.parent / "cpuset.cpus").write_text("0")
    try:
        mine = owner(cells)
        assert mine.shortage == (
            f"own CPUs not granted: {OWN} (not in its cgroup's cpuset.cpus.effective: 0)"
        )
        assert mine.row()["own_cpus"] is None
    finally:
        (cells.parent / "cpuset.cpus").write_text("\n")
    assert restore_cells() == (1, [])
    assert mine.row()["own_cpus"] == OWN


@pytest.mark.once
def test_taken_cpus_are_left_out(cells: Workloads) -> None:
    """A wish for another's CPU is degraded, and said; see above for containers."""
    mine, poor = owner(cells), owner(cells, "poor")
    assert not poor.row()["own_cpus"]
    assert poor.shortage
    assert mine.row()["own_cpus"] == OWN


@pytest.mark.once
@pytest.mark.alone
def test_cells_of_one_name_are_one_cell(cells: Workloads) -> None:
    """Two cgroups of one name beside a third: the two together get what it gets alone."""
    pair = [cells(f"web-{i}", 2, name="web", shared=True) for i in range(2)]
    third = cells("third", 2)
    cell = pair[0].row()
    assert cell["cell"] == pair[1].row()["cell"]
    assert {member["container"] for member in cell["members"]} == {each.id for each in pair}
    cells.begin()

    def bound(used: list[float]) -> bool:
        return 0.85 <= (used[0] + used[1]) / used[2] <= 1.15

    # Each of the pair has half of what is judged.
    converge([*pair, third], bound, judged=[third])
    pair[0].remove()
    assert len(pair[1].row()["members"]) == 1
    pair[1].remove()
    assert not live_of_name("web")
