# SPDX-License-Identifier: Apache-2.0
"""``ocihook cells set``: the live cell changes at once, and its mark for the next scheduler."""

from __future__ import annotations

import os

import pytest
from bundle import Container, burn
from conftest import Make, cells_of, ocihook
from load import cpus_used, run_all

from ocihook import mark
from ocihook.cell import CellSpec
from ocihook.errors import InputError, OwnCpusTaken
from ocihook.paths import CELL_MARK
from ocihook.sched import loader
from ocihook.sched.cell_set import change_cell
from ocihook.sched.cells import list_cells
from ocihook.sched.change import Change, parse_quota

RUNNING = pytest.mark.usefixtures("scheduler")

RUNTIME = "runc"


def marked(container: Container) -> CellSpec:
    return mark.read(os.getxattr(container.cgroup, CELL_MARK))


@RUNNING
def test_by_number_name_and_id(make: Make) -> None:
    container = make(RUNTIME).run()
    (cell,) = cells_of(container.id)
    ocihook("cells", "set", str(cell["cell"]), "--weight", "150")
    assert cells_of(container.id)[0]["weight"] == 150
    for which, weight in ((cell["name"], 250), (container.id, 350), (container.id[:-1], 450)):
        change_cell(which, Change(weight=weight))
        (now,) = cells_of(container.id)
        assert (now["cell"], now["generation"]) == (cell["cell"], cell["generation"])
        assert now["weight"] == weight
        assert (marked(container).weight, marked(container).fixed_weight) == (weight, True)


def test_what_was_set_outlives_the_scheduler(make: Make) -> None:
    loader.start()
    container = make(RUNTIME).run()
    change_cell(container.id, Change(weight=450, cpus=(1, 0), lend=False))
    (before,) = cells_of(container.id)
    loader.stop()
    done = ocihook("scheduler", "start")
    assert done.stderr == "", "a cell that cannot be restored is named there"
    (after,) = cells_of(container.id)
    for key in ("weight", "own_cpus", "lend"):
        assert after[key] == before[key]
    assert after["own_cpus"]


@RUNNING
def test_own_cpus(make: Make) -> None:
    """Of two CPUs one stays nobody's own, so the second cell that wants one has to wait."""
    first, second = make(RUNTIME, "a").run(), make(RUNTIME, "b").run()
    outcome = change_cell(first.id, Change(cpus=(1, 0)))
    assert outcome.spec.own.bit_count() == 1
    (cell,) = cells_of(first.id)
    assert cell["own_cpus"] == f"{outcome.spec.own.bit_length() - 1}"
    assert (marked(first).own, marked(first).own_count) == (outcome.spec.own, 1)

    with pytest.raises(OwnCpusTaken):
        change_cell(second.id, Change(weight=450, cpus=(os.cpu_count() or 2, 0)))
    (unchanged,) = cells_of(second.id)
    assert unchanged["weight"] == 100
    assert not unchanged["own_cpus"]
    assert not marked(second).wishes_own()

    change_cell(first.id, Change(cpus=(0, 0)))
    assert not cells_of(first.id)[0]["own_cpus"]
    assert change_cell(second.id, Change(cpus=(0, outcome.spec.own))).spec.own == outcome.spec.own


@RUNNING
def test_quota(make: Make) -> None:
    container = make(RUNTIME).run()
    done = ocihook("cells", "set", container.id, "--quota", "50%", "--burst", "10000")
    assert "quota 50000 us of 100000 us, burst 10000 us" in done.stdout
    (cell,) = cells_of(container.id)
    assert cell["quota"] == {"quota_us": 50000, "period_us": 100000, "burst_us": 10000}
    assert (marked(container).quota_ns, marked(container).fixed_quota) == (50_000_000, True)
    # It was named: what is written to the cgroup afterwards does not count.
    (container.cgroup / "cpu.max").write_text("70000 100000")
    assert cells_of(container.id)[0]["quota"]["quota_us"] == 50000
    change_cell(container.id, Change(quota_us=parse_quota("max")))
    assert cells_of(container.id)[0]["quota"] is None


@RUNNING
def test_running_tasks_follow_at_once(make: Make) -> None:
    """Two cells of one weight, then 300 to 100, then the heavier one with a limit."""
    tasks = os.cpu_count() or 1
    light, heavy = (make(RUNTIME, name, burn(tasks)) for name in ("light", "heavy"))
    run_all([light, heavy])
    ocihook("cells", "set", heavy.id, "--weight", "300")
    used = cpus_used([light, heavy], 10)
    assert used[1] / used[0] == pytest.approx(3, rel=0.15), used
    ocihook("cells", "set", heavy.id, "--quota", "30%")
    used = cpus_used([light, heavy], 5)
    assert used[1] == pytest.approx(0.3, rel=0.15), used
    assert used[0] > tasks - 0.6, used


@RUNNING
def test_shared_cell(make: Make) -> None:
    wish = {"org.ocihook/cell": "pool"}
    members = [make(RUNTIME, name, annotations=wish).run() for name in ("a", "b")]
    outcome = change_cell("pool", Change(weight=450, borrow=False))
    (pool,) = (cell for cell in list_cells() if cell["cell"] == outcome.slot)
    assert {member["container"] for member in pool["members"]} == {each.id for each in members}
    assert (pool["weight"], pool["borrow"]) == (450, False)
    for container in members:
        assert (marked(container).weight, marked(container).borrow) == (450, False)


@RUNNING
def test_cells_that_are_not_to_be_changed() -> None:
    for which in ("0", "host", "nonsense"):
        with pytest.raises(InputError):
            change_cell(which, Change(weight=5))
    done = ocihook("cells", "set", "nonsense", "--weight", "5", check=False)
    assert done.returncode == os.EX_DATAERR
    assert "cell 'nonsense': there is none (see: ocihook cells)" in done.stderr
