# SPDX-License-Identifier: Apache-2.0
"""An operator's session: watch the cells, reload the scheduler, release a cell, ask for a dump."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest
from bundle import burn
from conftest import Make, cells_of, enable_seq, kernel_state, ocihook
from load import cpus_used, demand_progress

from ocihook.errors import InputError, SchedulerUnavailable
from ocihook.paths import CELL_MARK, PIN_DIR, PIN_ROOT
from ocihook.sched import loader
from ocihook.sched.cell_release import release_cell
from ocihook.sched.reload import reload_scheduler
from ocihook.sched.tables import Tables
from ocihook.sched.usage import usage
from ocihook.schema import findings

RUNNING = pytest.mark.usefixtures("scheduler")
TRACING = Path("/sys/kernel/tracing")


@RUNNING
def test_top_shows_what_a_busy_cell_gets(make: Make) -> None:
    container = make("crun", command=burn(2), annotations={"org.ocihook/weight": "300"}).run()
    (cell,) = cells_of(container.id)
    with Tables() as tables:
        before = tables.read()
        time.sleep(3)
        seen = usage(before, tables.read())
    (row,) = (one for one in seen.cells if one.cell == cell["cell"])
    assert (row.name, row.weight, row.runnable) == (cell["name"], 300, 2)
    assert row.promised > 0.5
    assert row.got > 0.5
    total = sum(one.got for one in seen.cells)
    assert total == pytest.approx(sum(cpu.busy for cpu in seen.cpus), rel=0.05)
    assert [cpu.cpu for cpu in seen.cpus] == list(range(os.cpu_count() or 1))
    assert any(part > 0.5 for cpu in seen.cpus for each, part in cpu.parts if each == row.cell)


@RUNNING
def test_top_as_a_command(make: Make) -> None:
    container = make("crun", command=burn(1)).run()
    (cell,) = cells_of(container.id)
    done = ocihook("top", "--json", "--interval", "1")
    document = json.loads(done.stdout)
    assert findings("top", document) == []
    assert cell["cell"] in [row["cell"] for row in document["cells"]]
    text = ocihook("top", "--once", "--interval", "1").stdout
    assert "PROMISED" in text
    assert cell["name"] in text


def test_reload_keeps_every_cell(make: Make) -> None:
    loader.start()
    wish = {"org.ocihook/cell": "pool"}
    containers = [
        make("crun", "heavy", burn(1), annotations={"org.ocihook/weight": "300"}),
        make("crun", "owner", burn(1), annotations={"org.ocihook/cpus": "1"}),
        make("runc", "first", burn(1), annotations=wish),
        make("runc", "second", burn(1), annotations=wish),
    ]
    for container in containers:
        container.run()
    before = {container.id: cells_of(container.id)[0] for container in containers}
    attached = int(enable_seq())

    done = ocihook("scheduler", "reload", "--json")
    assert done.stderr == ""
    document = json.loads(done.stdout)
    assert findings("scheduler-reload", document) == []
    assert (document["cells_before"], document["cells_after"]) == (4, 4)
    assert 0 < document["gap_ms"] < 60_000
    assert (int(enable_seq()), kernel_state()) == (attached + 1, "enabled")
    for container in containers:
        (after,) = cells_of(container.id)
        for key in ("name", "weight", "own_cpus", "lend", "quota"):
            assert after[key] == before[container.id][key]
    # Each by its own share, which one that has a CPU and two in one cell make uneven.
    assert min(cpus_used(containers, 5)) > 0.02
    assert sorted(os.listdir(PIN_ROOT)) == [Path(PIN_DIR).name]


def test_top_goes_on_after_a_reload(make: Make) -> None:
    loader.start()
    container = make("crun", command=burn(1)).run()
    with Tables() as tables:
        tables.read()
        reload_scheduler(20)
        with pytest.raises(SchedulerUnavailable, match="the scheduler has ended"):
            tables.read()
    with Tables() as tables:
        before = tables.read()
        time.sleep(1)
        seen = usage(before, tables.read())
    (cell,) = cells_of(container.id)
    assert any(row.cell == cell["cell"] and row.got > 0.2 for row in seen.cells)


def test_reload_of_what_does_not_run() -> None:
    loader.stop()
    done = ocihook("scheduler", "reload", check=False)
    assert done.returncode == os.EX_UNAVAILABLE
    assert "no ocihook scheduler is loaded (start it with: ocihook scheduler start)" in done.stderr
    loader.start()


def test_released_cell_does_not_come_back(make: Make) -> None:
    loader.start()
    container = make("crun", command=burn(1), annotations={"org.ocihook/cpus": "1"}).run()
    done = ocihook("cells", "release", container.id, "--json")
    document = json.loads(done.stdout)
    assert findings("cell-release", document) == []
    assert document["released"][0]["container"] == container.id
    assert cells_of(container.id) == []
    with pytest.raises(OSError, match="No data available"):
        os.getxattr(container.cgroup, CELL_MARK)
    demand_progress([container])
    reload_scheduler(20)
    assert cells_of(container.id) == []


@RUNNING
def test_one_container_leaves_a_shared_cell(make: Make) -> None:
    wish = {"org.ocihook/cell": "pool"}
    stays, goes = (make("runc", name, annotations=wish).run() for name in ("stays", "goes"))
    assert release_cell(goes.id).left == 1
    assert cells_of(goes.id) == []
    assert len(cells_of(stays.id)) == 1
    assert release_cell("pool").left == 0
    assert cells_of(stays.id) == []
    with pytest.raises(InputError):
        release_cell("host")


@RUNNING
def test_dump_leaves_tracefs_as_it_was(make: Make) -> None:
    container = make("crun", command=burn(1)).run()
    (cell,) = cells_of(container.id)
    mounted = (TRACING / "instances").exists()
    for _ in range(2):
        lines = ocihook("scheduler", "dump").stdout.splitlines()
        assert any(line.startswith("ocihook: ABI ") for line in lines), lines
        assert any(
            line.startswith(f"cell {cell['cell']} generation {cell['generation']} live: ")
            for line in lines
        ), lines
        assert (TRACING / "instances").exists() == mounted
        # The other way: mounted before, or not mounted.
        mounted = not mounted
        command = ["mount", "-t", "tracefs", "nodev"] if mounted else ["umount"]
        subprocess.run([*command, str(TRACING)], check=True)
    if mounted:
        assert os.listdir(TRACING / "instances") == []
