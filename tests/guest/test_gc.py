# SPDX-License-Identifier: Apache-2.0
"""``ocihook gc``: what is left behind where nothing else has cleaned up, and what it leaves alone.

With the command as an operator types it; tests/guest/test_lifecycle.py has the slots that drain.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from bundle import PARENT
from conftest import Make, cells_of, kernel_state, ocihook
from hook_calls import wait_until

from ocihook import mark
from ocihook._bpf.pinned import register, unregister
from ocihook._bpf.scheduler_object import RMDIR_LINK
from ocihook.abi import CellRelease
from ocihook.cell import CellSpec
from ocihook.doctor.examination import examine
from ocihook.doctor.host import Host
from ocihook.paths import CELL_MARK, CGROUPFS, PIN_DIR, PIN_ROOT
from ocihook.sched import loader
from ocihook.schema import findings

NOTHING = {"claims": 0, "dead": 0, "drained": 0}


@pytest.fixture(autouse=True)
def scheduler() -> Iterator[None]:
    """A scheduler of this test alone: these take pins away. None is ejected by it."""
    loader.stop()
    loader.start()
    yield
    assert kernel_state() == "enabled"
    loader.stop()


@pytest.fixture
def parent() -> Iterator[Path]:
    directory = Path(CGROUPFS, PARENT, "gc")
    directory.mkdir(parents=True)
    yield directory
    for below in directory.iterdir():
        if below.is_dir():
            below.rmdir()
    directory.rmdir()


def gc() -> dict[str, int]:
    document: dict[str, int] = json.loads(ocihook("gc", "--json").stdout)
    assert findings("sweep", document) == []
    return document


def give_cell(cgroup: Path) -> str:
    """Make a cgroup with a cell and a mark, as the hook does; return the container's id."""
    cgroup.mkdir()
    spec = CellSpec(container=f"gc-{cgroup.name}", bundle_hash=1, name=cgroup.name)
    os.setxattr(cgroup, CELL_MARK, mark.write(spec))
    register(spec.request(cgroup.stat().st_ino))
    return spec.container


def no_longer_told_of_rmdir(parent: Path) -> None:
    """Take the link of the tracing program away, and wait until the kernel has let go of it."""
    os.unlink(f"{PIN_DIR}/{RMDIR_LINK}")

    def forgotten() -> bool:
        container = give_cell(parent / "probe")
        (parent / "probe").rmdir()
        return bool(cells_of(container))

    wait_until(forgotten, "a cell that outlives its cgroup")
    assert gc()["dead"] == 1


def test_cells_whose_cgroup_went_unnoticed(parent: Path) -> None:
    no_longer_told_of_rmdir(parent)
    gone = [give_cell(parent / f"gone-{number}") for number in range(3)]
    stays = give_cell(parent / "stays")
    for number in range(3):
        (parent / f"gone-{number}").rmdir()
    assert [len(cells_of(container)) for container in gone] == [1, 1, 1]
    (told,) = [each for each in examine(Host(), ["cells"]) if each.name == "orphaned"]
    assert (told.verdict, told.mend) == ("warning", "ocihook gc")

    assert gc()["dead"] == 3
    assert [cells_of(container) for container in gone] == [[], [], []]
    assert len(cells_of(stays)) == 1
    assert gc() == NOTHING
    (told,) = [each for each in examine(Host(), ["cells"]) if each.name == "orphaned"]
    assert told.verdict == "ok"


def test_no_later_scheduler_brings_them_back(parent: Path) -> None:
    """Their marks went with their cgroups; the mark of a cgroup that stays is the one that counts.

    A container's cell that was released, and whose mark nobody took away, comes back: gc frees
    what has ended, and it has not.
    """
    no_longer_told_of_rmdir(parent)
    gone, released = give_cell(parent / "gone"), give_cell(parent / "released")
    (parent / "gone").rmdir()
    assert unregister(CellRelease(cgid=(parent / "released").stat().st_ino)) == 1
    assert gc()["dead"] == 1
    assert os.getxattr(parent / "released", CELL_MARK)
    loader.stop()
    ocihook("scheduler", "start")
    assert (cells_of(gone), len(cells_of(released))) == ([], 1)


def test_pins_of_another_version(make: Make) -> None:
    """Every command says so; the mend that they name keeps the container's cell."""
    container = make("crun").run()
    other = f"{PIN_ROOT}/v1"
    os.rename(PIN_DIR, other)
    commands = (("gc",), ("cells",), *(("scheduler", name) for name in ("stop", "reload", "start")))
    for words in commands:
        done = ocihook(*words, check=False)
        assert (done.returncode, done.stdout) == (os.EX_PROTOCOL, "")
        assert f"of another version runs, pinned in {other} (" in done.stderr
    assert kernel_state() == "enabled", "nobody has ended it"
    shutil.rmtree(other)
    wait_until(lambda: kernel_state() == "disabled", "the end of the one without pins")
    ocihook("scheduler", "start")
    assert len(cells_of(container.id)) == 1


def test_old_pins_beside_those_in_use_are_left_alone(make: Make) -> None:
    container = make("crun").run()
    old = Path(PIN_ROOT, "v1")
    old.mkdir(mode=0o700)
    try:
        assert gc()["dead"] == 0
        assert old.is_dir()
        (told,) = [each for each in examine(Host(), ["scheduler"]) if each.name == "abi"]
        assert (told.verdict, told.mend) == ("warning", f"rm -r {old}")
    finally:
        old.rmdir()
    assert len(cells_of(container.id)) == 1
