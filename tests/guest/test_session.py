# SPDX-License-Identifier: Apache-2.0
"""An operator's session: watch the cells, ask for a dump, release a cell, reload the scheduler."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest
from cells import SPIN, Workload, Workloads, cells_of, workloads
from command import command, ocihook
from converge import converge, demand_progress
from kernel import enable_seq, kernel_state
from waiting import until

from ocihook.errors import InputError, SchedulerUnavailable
from ocihook.paths import CELL_MARK, PIN_DIR, PIN_ROOT
from ocihook.sched import loader
from ocihook.sched.cell_release import release_cell
from ocihook.sched.reload import reload_scheduler
from ocihook.sched.tables import Tables
from ocihook.sched.usage import CellUsage, Usage, usage
from ocihook.schema import findings

TRACING = Path("/sys/kernel/tracing")

KEPT = ("name", "weight", "own_cpus", "lend", "quota")
"""What a reload keeps of a cell."""


def row_of(seen: Usage, cell: Workload) -> CellUsage:
    (row,) = (one for one in seen.cells if one.cell == cell.slot)
    return row


def watch(tables: Tables, cell: Workload, got: float, cpu_s: float) -> Usage:
    """Return the usage since now, as soon as the cell has run so long at more CPUs than ``got``."""
    before = tables.read()

    def reached() -> Usage | None:
        seen = usage(before, tables.read())
        row = row_of(seen, cell)
        return seen if row.got * seen.interval_ns > cpu_s * 1e9 and row.got > got else None

    found = until(reached, f"{got} CPUs of {cell.id}", step_s=0.25)
    assert found
    return found


@pytest.mark.once
def test_top_shows_what_a_busy_cell_gets(cells: Workloads) -> None:
    busy = cells("busy", 2, weight=300)
    cells.begin()
    with Tables() as tables:
        seen = watch(tables, busy, 0.5, cpu_s=3)
    row = row_of(seen, busy)
    assert (row.name, row.weight, row.runnable) == ("busy", 300, 2)
    assert row.promised > 0.5
    total = sum(one.got for one in seen.cells)
    assert total == pytest.approx(sum(cpu.busy for cpu in seen.cpus), rel=0.05)
    assert [cpu.cpu for cpu in seen.cpus] == list(range(os.cpu_count() or 1))
    assert any(part > 0.5 for cpu in seen.cpus for each, part in cpu.parts if each == busy.slot)


@pytest.mark.once
def test_top_as_a_command(cells: Workloads) -> None:
    busy = cells("busy", 1)
    cells.begin()
    document = json.loads(ocihook("top", "--json", "--interval", "1").stdout)
    assert findings("top", document) == []
    assert busy.slot in [row["cell"] for row in document["cells"]]
    text = command("top", "--once", "--interval", "1").stdout
    assert "PROMISED" in text
    assert "busy" in text


@pytest.mark.once
def test_one_container_leaves_a_shared_cell(cells: Workloads) -> None:
    stays, goes = (cells(name, name="pool", shared=True) for name in ("stays", "goes"))
    assert release_cell(goes.id).left == 1
    assert cells_of(goes.id) == []
    assert len(cells_of(stays.id)) == 1
    assert release_cell("pool").left == 0
    assert cells_of(stays.id) == []
    with pytest.raises(InputError):
        release_cell("host")


@pytest.mark.once
def test_dump_leaves_tracefs_as_it_was(cells: Workloads) -> None:
    """Mounted before, or not mounted."""
    cell = cells("busy", 1)
    cells.begin()
    mounted = (TRACING / "instances").exists()
    for dump in (ocihook, command):
        lines = dump("scheduler", "dump").stdout.splitlines()
        assert any(line.startswith("ocihook: ABI ") for line in lines), lines
        head = f"cell {cell.slot} generation {cell.generation} live: "
        assert any(line.startswith(head) for line in lines), lines
        assert (TRACING / "instances").exists() == mounted
        mounted = not mounted
        words = ["mount", "-t", "tracefs", "nodev"] if mounted else ["umount"]
        subprocess.run([*words, str(TRACING)], check=True)
    if mounted:
        assert os.listdir(TRACING / "instances") == []


def demand_release(released: Workload) -> None:
    """Release a busy cell that has a CPU; demand that nothing of it is left but its task."""
    assert released.row()["own_cpus"]
    document = json.loads(ocihook("cells", "release", released.id, "--json").stdout)
    assert findings("cell-release", document) == []
    assert document["released"][0]["container"] == released.id
    assert cells_of(released.id) == []
    with pytest.raises(OSError, match="No data available"):
        os.getxattr(released.cgroup, CELL_MARK)
    demand_progress([released], slices=0)


@pytest.mark.kernel
def test_reload_keeps_every_cell_but_a_released_one() -> None:
    """Most tasks run afterwards: beside them a reload is a minute's work of an emulated CPU."""
    loader.start()
    with contextmanager(workloads)() as cells, Tables() as tables:
        released = cells("released", own_count=1)
        released.start("/bin/sh", "-c", SPIN)
        until(released.tasks, "its task")
        demand_release(released)
        released.freeze(True)
        kept = [
            cells("heavy", 1, weight=300),
            cells("owner", 1, own_count=1),
            cells("first", 1, name="pool", shared=True),
            cells("second", 1, name="pool", shared=True),
        ]
        # Resized since its mark was written, and none of its tasks runs until it is looked at.
        (kept[0].cgroup / "cpu.weight").write_text("157")
        assert kept[0].row()["weight"] == 157
        before = {cell.id: cells_of(cell.id)[0] for cell in kept}
        assert before[kept[1].id]["own_cpus"], "the released cell's CPU can be had again"
        tables.read()
        attached = int(enable_seq())

        done = ocihook("scheduler", "reload", "--json")
        assert done.stderr == ""
        document = json.loads(done.stdout)
        assert findings("scheduler-reload", document) == []
        assert (document["cells_before"], document["cells_after"]) == (4, 4)
        assert 0 < document["gap_ms"] < 60_000
        assert (int(enable_seq()), kernel_state()) == (attached + 1, "enabled")
        assert sorted(os.listdir(PIN_ROOT)) == [Path(PIN_DIR).name]
        for cell in kept:
            (after,) = cells_of(cell.id)
            assert {key: after[key] for key in KEPT} == {key: before[cell.id][key] for key in KEPT}
        assert cells_of(released.id) == [], "a released cell does not come back"
        released.freeze(False)
        cells.begin()
        # Each by its own share, which one that has a CPU and two in one cell make uneven.
        converge([*kept, released], lambda used: min(used) > 0.02, cpu_s=0.1, slices=20)
        with pytest.raises(SchedulerUnavailable, match="the scheduler has ended"):
            tables.read()


@pytest.mark.once
def test_top_goes_on_after_a_reload() -> None:
    loader.start()
    with contextmanager(workloads)() as cells:
        busy = cells("busy", 2)
        cells.begin()
        reload_scheduler(20)
        (row,) = cells_of(busy.id)
        busy.slot = row["cell"]
        with Tables() as tables:
            assert row_of(watch(tables, busy, 0.2, cpu_s=1), busy).got > 0.2


@pytest.mark.once
def test_reload_of_what_does_not_run() -> None:
    loader.stop()
    done = command("scheduler", "reload", check=False)
    assert done.returncode == os.EX_UNAVAILABLE
    assert "no ocihook scheduler is loaded (start it with: ocihook scheduler start)" in done.stderr
