# SPDX-License-Identifier: Apache-2.0
"""The scheduler's life: start, refusals, ejection, stop. In an order that takes few loads."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest
from bundle import Make, ask_cell
from cells import cells_of, workloads
from command import command, ocihook
from kernel import eject, enable_seq, foreign_scheduler, kernel_state
from waiting import until

from ocihook._bpf.pinned import cell_of
from ocihook.errors import SchedulerUnavailable
from ocihook.paths import PIN_DIR, PIN_ROOT
from ocihook.sched import loader
from ocihook.schema import findings

pytestmark = pytest.mark.kernel

made = contextmanager(workloads)


@pytest.mark.quick
def test_loader_exits_and_scheduling_goes_on() -> None:
    ocihook("scheduler", "start")
    running = subprocess.run(["pgrep", "-f", "bin/ocihook"], capture_output=True, check=False)
    assert running.stdout == b""
    with made() as cells:
        cell = cells("busy", 1)
        cells.begin()
        (pid,) = cell.tasks()
        until(lambda: cell_of(pid).cell == cell.slot, "the task in its cell")
    assert kernel_state() == "enabled"


def test_second_start_changes_nothing() -> None:
    loader.start()
    attached = enable_seq()
    assert command("scheduler", "start").stdout.startswith("scheduler already runs, ")
    assert enable_seq() == attached


@pytest.mark.usefixtures("scheduler")
def test_output_follows_its_schema() -> None:
    with made() as cells:
        cell = cells("busy", 2, cpus="0")
        cells.begin()
        listed = json.loads(ocihook("cells", "--json").stdout)
        assert findings("cells", listed) == []
        (row,) = [row for row in listed if row["container"] == cell.id]
        assert (row["tasks"], row["cpus"]) == (2, "0")
        status = json.loads(ocihook("scheduler", "status", "--json").stdout)
        assert findings("scheduler-status", status) == []
        assert cell.id[:12] in command("cells").stdout


def test_scheduler_of_another_version_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    loader.start()
    monkeypatch.setattr(loader, "SETTLE_S", 0.5)
    other = f"{PIN_DIR}-other"
    os.rename(PIN_DIR, other)
    try:
        with pytest.raises(SchedulerUnavailable, match="this version did not start"):
            loader.start()
        assert kernel_state() == "enabled"
    finally:
        os.rename(other, PIN_DIR)


def test_another_scheduler_is_refused_while_ours_runs() -> None:
    loader.start()
    with pytest.raises(SchedulerUnavailable, match="busy"), foreign_scheduler():
        pass
    assert kernel_state() == "enabled"


def test_start_cleans_up_after_a_loader_that_was_killed() -> None:
    """Killed between the attach and the renaming of its pins: the scheduler runs, unpublished."""
    loader.start()
    os.rename(PIN_DIR, loader.NEW_DIR)
    assert "start has not ended, or was killed" in command("cells", check=False).stderr
    assert loader.start()
    assert loader.is_running()
    assert os.listdir(PIN_ROOT) == [Path(PIN_DIR).name]
    os.rename(PIN_DIR, loader.NEW_DIR)
    assert loader.stop()
    assert (kernel_state(), os.listdir(PIN_ROOT)) == ("disabled", [])


@pytest.mark.quick
def test_ejection_is_reported_and_a_start_brings_every_cell_back(make: Make) -> None:
    """Two cells of before, and one of a container that was created without a scheduler."""
    loader.start()
    with made() as cells:
        before = [cells("first", 1), cells("second", 1)]
        cells.begin()
        eject()

        status = json.loads(command("scheduler", "status", "--json").stdout)
        assert findings("scheduler-status", status) == []
        assert status["state"] == "ejected"
        assert "sysrq" in status["exit"]["reason"].lower()
        shown = command("scheduler", "status").stdout
        assert "ended" in shown
        assert "ocihook scheduler start" in shown

        late = make("crun", "late", ask_cell(), annotations={"org.ocihook/weight": "50"}).create()
        started = command("scheduler", "start").stdout
        assert started == "scheduler started, 3 cells restored\n"
        for each in (*before, late):
            (cell,) = cells_of(each.id)
            assert cell["cgid"] == each.cgroup.stat().st_ino
        assert cells_of(late.id)[0]["weight"] == 50


def test_stop_removes_every_pin() -> None:
    loader.start()
    assert {"link", "rmdir_link", "cells", "cell_register"} <= set(os.listdir(PIN_DIR))
    assert Path(PIN_DIR).stat().st_mode & 0o777 == 0o700
    assert ocihook("scheduler", "stop").stdout == "scheduler stopped\n"
    assert kernel_state() == "disabled"
    assert os.listdir(PIN_ROOT) == []
    assert command("scheduler", "stop").stdout == "no ocihook scheduler was loaded\n"


def test_start_is_refused_while_another_scheduler_runs() -> None:
    loader.stop()
    assert kernel_state() == "disabled"
    with foreign_scheduler():
        done = command("scheduler", "start", check=False)
        assert done.returncode == os.EX_UNAVAILABLE
        assert "another sched_ext scheduler runs: foreign" in done.stderr
        assert "stop it first" in done.stderr
        status = json.loads(command("scheduler", "status", "--json").stdout)
        assert (status["state"], status["scheduler"]) == ("foreign", "foreign")
    assert os.listdir(PIN_ROOT) == [], "a refused start leaves nothing"
