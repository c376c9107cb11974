# SPDX-License-Identifier: Apache-2.0
"""``ocihook gc``: what is left behind where nothing else has cleaned up, and what it leaves alone.

The tests stand in an order: the first two share a scheduler that is no longer told of rmdir.
tests/guest/test_lifecycle.py has the slots that drain.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cells import Workloads, cells_of, workloads
from command import command, ocihook
from kernel import kernel_state
from waiting import until

from ocihook.doctor.examination import examine
from ocihook.doctor.host import Host
from ocihook.paths import CELL_MARK, PIN_DIR, PIN_ROOT
from ocihook.sched import loader
from ocihook.schema import findings

pytestmark = pytest.mark.once

NOTHING = {"claims": 0, "dead": 0, "drained": 0}

RMDIR_LINK = Path(PIN_DIR, "rmdir_link")


@pytest.fixture(scope="module", autouse=True)
def _told_of_rmdir_again() -> Iterator[None]:
    """Leave no scheduler without that link, if one of the tests ran alone or failed."""
    yield
    if not RMDIR_LINK.exists():
        loader.stop()


@pytest.fixture
def cells() -> Iterator[Workloads]:
    """Return a maker of cells of a scheduler that may be another one after the test."""
    loader.start()
    with contextmanager(workloads)() as made:
        yield made
    assert kernel_state() == "enabled"


def swept(text: str) -> dict[str, int]:
    document: dict[str, int] = json.loads(text)
    assert findings("sweep", document) == []
    return document


def gc() -> dict[str, int]:
    return swept(command("gc", "--json").stdout)


def no_longer_told_of_rmdir(cells: Workloads) -> None:
    """Take the link of the tracing program away, and wait until the kernel has let go of it."""
    if not RMDIR_LINK.exists():
        gc()  # the cells of the test before, whose end went unnoticed
        return
    RMDIR_LINK.unlink()

    def forgotten() -> bool:
        probe = cells("probe")
        probe.cgroup.rmdir()
        return bool(cells_of(probe.id))

    until(forgotten, "a cell that outlives its cgroup")
    assert gc()["dead"] == 1


def test_cells_whose_cgroup_went_unnoticed(cells: Workloads) -> None:
    no_longer_told_of_rmdir(cells)
    gone = [cells(f"gone-{number}") for number in range(3)]
    stays = cells("stays")
    for cell in gone:
        cell.cgroup.rmdir()
    assert [len(cells_of(cell.id)) for cell in gone] == [1, 1, 1]
    (told,) = [each for each in examine(Host(), ["cells"]) if each.name == "orphaned"]
    assert (told.verdict, told.mend) == ("warning", "ocihook gc")

    assert swept(ocihook("gc", "--json").stdout)["dead"] == 3
    assert [cells_of(cell.id) for cell in gone] == [[], [], []]
    assert len(cells_of(stays.id)) == 1
    assert gc() == NOTHING
    (told,) = [each for each in examine(Host(), ["cells"]) if each.name == "orphaned"]
    assert told.verdict == "ok"


def test_no_later_scheduler_brings_them_back(cells: Workloads) -> None:
    """Their marks went with their cgroups; the mark of a cgroup that stays is the one that counts.

    A container's cell that was released, and whose mark was not taken away, comes back: gc frees
    what has ended, and it has not.
    """
    no_longer_told_of_rmdir(cells)
    gone, released = cells("gone"), cells("released")
    gone.cgroup.rmdir()
    assert released.release() == 1
    assert gc()["dead"] == 1
    assert os.getxattr(released.cgroup, CELL_MARK)
    loader.stop()
    command("scheduler", "start")
    assert (cells_of(gone.id), len(cells_of(released.id))) == ([], 1)


def test_pins_of_another_version(cells: Workloads) -> None:
    """Every command says so; the mend that they name keeps the container's cell."""
    cell = cells("kept")
    other = f"{PIN_ROOT}/v1"
    os.rename(PIN_DIR, other)
    commands = (("gc",), ("cells",), *(("scheduler", name) for name in ("stop", "reload", "start")))
    for words in commands:
        done = command(*words, check=False)
        assert (done.returncode, done.stdout) == (os.EX_PROTOCOL, "")
        assert f"of another version runs, pinned in {other} (" in done.stderr
    assert kernel_state() == "enabled", "no command has ended it"
    shutil.rmtree(other)
    until(lambda: kernel_state() == "disabled", "the end of the one without pins")
    command("scheduler", "start")
    assert len(cells_of(cell.id)) == 1


def test_old_pins_beside_those_in_use_are_left_alone(cells: Workloads) -> None:
    cell = cells("kept")
    old = Path(PIN_ROOT, "v1")
    old.mkdir(mode=0o700)
    try:
        assert gc()["dead"] == 0
        assert old.is_dir()
        (told,) = [each for each in examine(Host(), ["scheduler"]) if each.name == "abi"]
        assert (told.verdict, told.mend) == ("warning", f"rm -r {old}")
    finally:
        old.rmdir()
    assert len(cells_of(cell.id)) == 1
