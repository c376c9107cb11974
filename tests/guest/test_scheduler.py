# SPDX-License-Identifier: Apache-2.0
"""The scheduler's life: start, stop, refusals, ejection, and containers without it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from bundle import ask_cell, burn
from conftest import Make, cells_of, enable_seq, kernel_state, ocihook

from ocihook._bpf.scheduler_object import SchedulerObject
from ocihook.errors import SchedulerUnavailable
from ocihook.paths import PIN_DIR
from ocihook.sched import loader
from ocihook.schema import findings


def stopped() -> None:
    loader.stop()
    assert kernel_state() == "disabled"


@contextlib.contextmanager
def foreign_scheduler() -> Iterator[SchedulerObject]:
    """Attach another scheduler: ours, unpinned, under another name of the same length."""
    image = files("ocihook._bpf").joinpath("ocihook.bpf.o").read_bytes()
    name = b"ocihook".ljust(128, b"\0")
    assert image.count(name) == 1, "the name member of the struct_ops"
    with SchedulerObject(image.replace(name, b"foreign".ljust(128, b"\0"))) as scheduler:
        scheduler.load()
        scheduler.attach_ops()
        yield scheduler


def test_loader_exits_and_scheduling_goes_on(runtime: str, make: Make) -> None:
    ocihook("scheduler", "start")
    running = subprocess.run(["pgrep", "-f", "bin/ocihook"], capture_output=True, check=False)
    assert running.stdout == b""
    container = make(runtime, command=ask_cell()).run()
    assert container.wait_for_output().split()[0] != "0"
    assert kernel_state() == "enabled"


def test_second_start_changes_nothing() -> None:
    ocihook("scheduler", "start")
    attached = enable_seq()
    done = ocihook("scheduler", "start")
    assert done.stdout == "scheduler already runs\n"
    assert enable_seq() == attached


def test_stop_removes_every_pin() -> None:
    loader.start()
    assert {"link", "rmdir_link", "cells", "cell_register"} <= set(os.listdir(PIN_DIR))
    assert Path(PIN_DIR).stat().st_mode & 0o777 == 0o700
    assert ocihook("scheduler", "stop").stdout == "scheduler stopped\n"
    assert kernel_state() == "disabled"
    assert os.listdir("/sys/fs/bpf/ocihook") == []
    assert ocihook("scheduler", "stop").stdout == "no ocihook scheduler was loaded\n"


def test_start_cleans_up_after_a_loader_that_was_killed() -> None:
    """Killed between the attach and the renaming of its pins: the scheduler runs, unpublished."""
    loader.start()
    os.rename(PIN_DIR, loader.NEW_DIR)
    assert loader.start()
    assert loader.is_running()
    assert os.listdir("/sys/fs/bpf/ocihook") == [Path(PIN_DIR).name]


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


def test_start_is_refused_while_another_scheduler_runs() -> None:
    stopped()
    with foreign_scheduler():
        done = ocihook("scheduler", "start", check=False)
        assert done.returncode == os.EX_UNAVAILABLE
        assert "another sched_ext scheduler runs: foreign" in done.stderr
        assert "stop it first" in done.stderr
        status = json.loads(ocihook("scheduler", "status", "--json").stdout)
        assert (status["state"], status["scheduler"]) == ("foreign", "foreign")
    assert os.listdir("/sys/fs/bpf/ocihook") == [], "a refused start leaves nothing"


def test_another_scheduler_is_refused_while_ours_runs() -> None:
    loader.start()
    with pytest.raises(SchedulerUnavailable, match="busy"), foreign_scheduler():
        pass
    assert kernel_state() == "enabled"


def test_ejection_is_reported_and_a_start_brings_every_cell_back(make: Make) -> None:
    loader.start()
    made = [make(runtime, runtime, ask_cell()).run() for runtime in ("runc", "crun")]
    for container in made:
        container.wait_for_output()
    # Documentation/admin-guide/sysrq.rst: S takes a sched_ext scheduler out.
    Path("/proc/sysrq-trigger").write_text("S")
    deadline = time.monotonic() + 60
    while kernel_state() != "disabled":
        assert time.monotonic() < deadline
        time.sleep(0.1)

    status = json.loads(ocihook("scheduler", "status", "--json").stdout)
    assert findings("scheduler-status", status) == []
    assert status["state"] == "ejected"
    assert "sysrq" in status["exit"]["reason"].lower()
    shown = ocihook("scheduler", "status").stdout
    assert "ended" in shown
    assert "ocihook scheduler start" in shown

    late = make("crun", "late", ask_cell(), annotations={"org.ocihook/weight": "50"}).create()
    assert ocihook("scheduler", "start").stdout == "scheduler started, 3 cells restored\n"
    for container in (*made, late):
        (cell,) = cells_of(container.id)
        assert cell["cgid"] == container.cgroup.stat().st_ino
    assert cells_of(late.id)[0]["weight"] == 50


def test_output_follows_its_schema(make: Make) -> None:
    loader.start()
    container = make("crun", command=burn(2), cpu={"cpus": "0"}).run()
    listed = json.loads(ocihook("cells", "--json").stdout)
    assert findings("cells", listed) == []
    (cell,) = [cell for cell in listed if cell["container"] == container.id]
    assert cell["tasks"] == 2
    assert cell["cpus"] == "0"
    status = json.loads(ocihook("scheduler", "status", "--json").stdout)
    assert findings("scheduler-status", status) == []
    table = ocihook("cells").stdout
    assert container.id[:12] in table


def test_container_starts_without_a_scheduler(runtime: str, make: Make) -> None:
    stopped()
    container = make(runtime).run()
    assert container.state()["status"] == "running"
    container.delete()
    assert not container.cgroup.exists()


def test_required_container_does_not_start_without_a_scheduler(runtime: str, make: Make) -> None:
    stopped()
    container = make(runtime, annotations={"org.ocihook/required": "true"})
    bundle = os.fspath(container.bundle)
    done = container.call("create", "--bundle", bundle, container.id, check=False)
    assert done.returncode != 0
    # runc passes on what the hook said, crun its exit code.
    expected = "no ocihook scheduler is loaded" if runtime == "runc" else str(os.EX_UNAVAILABLE)
    assert expected in done.stderr, done.stderr
    assert not container.cgroup.exists()


def test_bad_annotation_does_not_keep_a_container_from_starting(runtime: str, make: Make) -> None:
    loader.start()
    container = make(runtime, annotations={"org.ocihook/weight": "heavy"}).run()
    assert container.state()["status"] == "running"
    assert cells_of(container.id) == []
