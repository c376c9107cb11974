# SPDX-License-Identifier: Apache-2.0
"""`ocihook doctor`: cells without a cgroup, marks without a cell, a table that is full."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from fake_host import FakeHost

from ocihook import mark
from ocihook.abi import CELL_LIVE, Cell, CellRunNs, CellWaits, SchedulerRecord
from ocihook.cell import CellSpec
from ocihook.errors import SchedulerUnavailable
from ocihook.paths import CELL_MARK, CGROUPFS
from ocihook.sched.cell_row import Counted, describe

SPEC = CellSpec(container="c1", bundle_hash=1, name="c1", weight=100)


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHost:
    """Marks are trusted.* attributes, which only root may write: here they are files."""

    def getxattr(path: str, attribute: str) -> bytes:
        try:
            return Path(path, attribute).read_bytes()
        except FileNotFoundError:
            raise OSError(errno.ENODATA, "No data available", path) from None

    monkeypatch.setattr(os, "getxattr", getxattr)
    return FakeHost(tmp_path)


def cgroup(fake: FakeHost, name: str, text: bytes = b"", events: str = "populated 1") -> int:
    """Make a cgroup with a mark; return its id."""
    path = fake.write(f"{CGROUPFS}/{name}/cgroup.events", f"{events}\nfrozen 0\n").parent
    (path / CELL_MARK).write_bytes(text or mark.write(SPEC))
    return path.stat().st_ino


def row(slot: int, cgid: int, where: str | None, **members: Any) -> dict[str, Any]:
    cell = Cell(name=b"web", container=b"c1", cgid=cgid, state=CELL_LIVE, weight=100)
    counted = Counted([CellRunNs()], [], CellWaits())
    return {**describe(slot, cell, counted, 1), "cgroup": where, **members}


def test_healthy(fake: FakeHost) -> None:
    fake.rows = [row(0, 1, "/"), row(1, cgroup(fake, "a"), "/a")]
    found = fake.findings("cells")
    assert [(each.verdict, each.name) for each in found] == [
        ("ok", "table"),
        ("ok", "orphaned"),
        ("ok", "marks"),
        ("ok", "own CPUs"),
    ]
    assert found[0].evidence == "taken: 1 of 4095"
    assert found[2].evidence == "marked cgroups, all with their cells: 1"


def test_cell_whose_cgroup_is_gone(fake: FakeHost) -> None:
    fake.rows = [row(0, 1, None), row(3, 77, None), row(4, 78, None, state="draining")]
    assert fake.bad("cells") == [
        ("warning", "orphaned", "cgroup gone, cell still live: 3 (web)", "ocihook gc")
    ]


def test_shared_cell_one_of_whose_cgroups_is_gone(fake: FakeHost) -> None:
    here = {"container": "c1", "cgid": cgroup(fake, "a"), "cgroup": "/a"}
    gone = {"container": "c2", "cgid": 78, "cgroup": None}
    fake.rows = [row(2, 0, None, members=[here])]
    assert fake.bad("cells") == []
    fake.rows = [row(2, 0, None, members=[here, gone])]
    ((verdict, name, evidence, _),) = fake.bad("cells")
    assert (verdict, name) == ("warning", "orphaned")
    assert evidence.endswith(": 2 (web)")


def test_mark_without_a_cell(fake: FakeHost) -> None:
    for number in range(5):
        cgroup(fake, f"c{number}")
    cgroup(fake, "empty", events="populated 0")
    ((verdict, name, evidence, mend),) = fake.bad("cells")
    assert (verdict, name) == ("warning", "marks")
    assert evidence.startswith("marked, and without a cell: ")
    assert evidence.endswith(" and 2 more")
    assert mend == "ocihook scheduler reload"


def test_own_cpus_out_of_reach(fake: FakeHost) -> None:
    fake.rows = [row(1, cgroup(fake, "a"), "/a", own_cpus="1", own_cpus_out_of_reach="1")]
    ((verdict, name, evidence, mend),) = fake.bad("cells")
    assert (verdict, name) == ("warning", "own CPUs")
    assert evidence == "not in the cell's cpuset any more, so others have them: 1 (web): 1"
    assert mend.endswith("ocihook scheduler reload")


def test_fewer_own_cpus_than_wished(fake: FakeHost) -> None:
    wish = CellSpec(container="c1", bundle_hash=1, name="c1", own_count=2, own=0b1)
    fake.rows = [row(1, cgroup(fake, "a", mark.write(wish)), "/a", own_cpus="0")]
    fake.write(f"{CGROUPFS}/cpuset.cpus.effective", "0-3\n")
    fake.write(f"{CGROUPFS}/a/cpuset.cpus.effective", "0\n")
    fake.write("/sys/devices/system/cpu/online", "0-3\n")
    ((verdict, name, evidence, mend),) = fake.bad("cells")
    assert (verdict, name, mend) == ("note", "own CPUs", "ocihook scheduler reload")
    assert evidence == (
        f"fewer than wished: {CGROUPFS}/a: own CPUs: 2 wished, 1 granted;"
        " not granted: 1-3 (not in its cgroup's cpuset.cpus.effective: 0)"
    )


def test_broken_mark(fake: FakeHost) -> None:
    cgroup(fake, "a", b"{")
    ((verdict, name, evidence, _),) = fake.bad("cells")
    assert (verdict, name) == ("warning", "broken marks")
    assert evidence.startswith("/sys/fs/cgroup/a: cell mark: ")


def test_table_is_nearly_full(fake: FakeHost) -> None:
    fake.record = SchedulerRecord(nr_live=3686, nr_slots=3700)
    ((verdict, name, evidence, mend),) = fake.bad("cells")
    assert (verdict, name) == ("warning", "table")
    assert evidence.startswith("taken: 3686 of 4095; ")
    assert mend.startswith("ocihook gc")


def test_marks_wait_for_a_scheduler(fake: FakeHost) -> None:
    fake.no_scheduler()
    ((verdict, name, evidence, _),) = fake.bad("cells")
    assert (verdict, name, evidence) == ("skipped", "table", "no scheduler of ours runs")
    cgroup(fake, "a")
    ((verdict, name, evidence, _),) = fake.bad("cells")
    assert (verdict, name) == ("note", "marks")
    assert evidence.startswith(f"{CGROUPFS}: marked cgroups, which get cells when")
    assert evidence.endswith(": 1")


def test_scheduler_that_goes_meanwhile(fake: FakeHost) -> None:
    fake.rows = SchedulerUnavailable("no ocihook scheduler is loaded", "start it")
    assert fake.bad("cells") == [("skipped", "table", "no ocihook scheduler is loaded", "start it")]


def test_who_is_not_root(fake: FakeHost) -> None:
    fake.become(euid=1000)
    ((verdict, name, evidence, _),) = fake.bad("cells")
    assert (verdict, name) == ("skipped", "table")
    assert evidence == "only root may read cells and marks"
