# SPDX-License-Identifier: Apache-2.0
"""The list of cells, from a table and a cgroup tree of our own."""

import errno
import os
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ocihook import cpulist, schema
from ocihook.abi import (
    CELL_CLAIMING,
    CELL_DRAINING,
    CELL_FLAG_NO_BORROW,
    CELL_FLAG_NO_LEND,
    CELL_LIVE,
    CELL_NODE,
    CELL_NODE_DRAINING,
    OCIHOOK_MAX_CELLS,
    OCIHOOK_WAIT_BUCKETS,
    Cell,
    CellRunNs,
    CellStats,
    CellWaits,
    SchedulerRecord,
)
from ocihook.errors import SystemCallError
from ocihook.sched import cells
from ocihook.sched.cells import count_tasks, list_cells

NOBODY: frozenset[int] = frozenset()


def cgroup(path: Path, tasks: int) -> int:
    """Make a cgroup with `tasks` threads; return its id, as cgroup2 has it."""
    path.mkdir(exist_ok=True)
    (path / "cgroup.threads").write_text("".join(f"{100 + i}\n" for i in range(tasks)))
    return path.stat().st_ino


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """11 threads: 1 in the root, 2 in a, 4 in a/b, 3 in a/b/c, 1 in d."""
    root = tmp_path / "cgroup"
    for name, tasks in (("", 1), ("a", 2), ("a/b", 4), ("a/b/c", 3), ("d", 1)):
        cgroup(root / name, tasks)
    return root


def test_tasks_of_a_subtree(tree: Path) -> None:
    assert count_tasks(str(tree), NOBODY) == 11
    assert count_tasks(str(tree / "a"), NOBODY) == 9
    assert count_tasks(str(tree / "d"), NOBODY) == 1


def test_tasks_below_another_owner_are_its_own(tree: Path) -> None:
    owner = frozenset({(tree / "a" / "b").stat().st_ino})
    assert count_tasks(str(tree), owner) == 4
    assert count_tasks(str(tree / "a"), owner) == 2
    assert count_tasks(str(tree / "a" / "b"), NOBODY) == 7


def test_tasks_of_a_cgroup_that_is_gone(tree: Path) -> None:
    assert count_tasks(str(tree / "gone"), NOBODY) == 0
    (tree / "a" / "b" / "cgroup.threads").unlink()
    assert count_tasks(str(tree), NOBODY) == 7


def test_links_are_not_followed(tree: Path) -> None:
    (tree / "loop").symlink_to(tree)
    assert count_tasks(str(tree), NOBODY) == 11


class Table:
    """In place of PinnedArray."""

    slots: ClassVar[dict[int, Cell]] = {}
    runs: ClassVar[dict[int, list[CellRunNs]]] = {}
    stats: ClassVar[dict[int, list[CellStats]]] = {}
    waits: ClassVar[dict[int, CellWaits]] = {}
    open: ClassVar[list[str]] = []

    def __init__(self, name: str, record: type[Any], copies: int = 1, slots: int = 0) -> None:
        assert (name, record, copies, slots) in [
            ("cells", Cell, 1, 0),
            ("cell_run_ns", CellRunNs, 2, 0),
            ("cell_stats", CellStats, 1, OCIHOOK_MAX_CELLS),
            ("cell_waits", CellWaits, 1, 0),
        ]
        self.name = name
        self.open.append(name)

    def read(self, index: int) -> list[Any]:
        if self.name == "cells":
            return [self.slots.get(index, Cell())]
        if self.name == "cell_waits":
            return [self.waits.get(index, CellWaits())]
        if self.name == "cell_run_ns":
            return self.runs.get(index, [CellRunNs(), CellRunNs()])
        return self.stats.get(index, [CellStats()])

    def close(self) -> None:
        self.open.remove(self.name)


@pytest.fixture
def table(tree: Path, monkeypatch: pytest.MonkeyPatch) -> type[Table]:
    """An empty table on a machine with CPUs 0 and 1, whose cgroups are those of `tree`."""

    def open_cgid(_mount_fd: int, cgid: int) -> int:
        for directory, _, _ in os.walk(tree):
            if os.stat(directory).st_ino == cgid:
                return os.open(directory, os.O_RDONLY)
        raise SystemCallError(f"open of cgroup {cgid}", errno.ESTALE)

    monkeypatch.setattr(Table, "slots", {})
    monkeypatch.setattr(Table, "runs", {})
    monkeypatch.setattr(Table, "stats", {})
    monkeypatch.setattr(Table, "waits", {})
    monkeypatch.setattr(Table, "open", [])
    monkeypatch.setattr(cells, "PinnedArray", Table)
    monkeypatch.setattr(cells, "open_cgid", open_cgid)
    monkeypatch.setattr(cells, "read_record", lambda: SchedulerRecord(nr_slots=512))
    monkeypatch.setattr(cells, "possible_cpus", lambda: 0b11)
    return Table


def live(directory: Path, **members: Any) -> Cell:
    given = {"cgid": directory.stat().st_ino, "state": CELL_LIVE, "weight": 100, "generation": 1}
    return Cell(**{**given, **members})


def test_list(table: type[Table], tree: Path) -> None:
    # Restricted by own CPUs of others, without a cpuset.
    table.slots[0] = live(
        tree, name=b"host", weight=20000, restricted=1, usable=cpulist.to_words(0b1)
    )
    table.slots[3] = live(
        tree / "a",
        name=b"web",
        container=b"c1",
        weight=300,
        generation=7,
        restricted=1,
        allowed=cpulist.to_words(0b111),
        usable=cpulist.to_words(0b110),
        exec_allowed=cpulist.to_words(0b1),
    )
    table.runs[3] = [CellRunNs(run_ns=5), CellRunNs(run_ns=37)]
    table.slots[511] = live(tree / "a" / "b", name=b"db", container=b"c2")

    found = list_cells(str(tree))
    assert schema.findings("cells", found) == []
    assert [row["cell"] for row in found] == [0, 3, 511]
    host, web, nested = found
    assert (web["name"], web["container"]) == ("web", "c1")
    assert (web["cgid"], web["cgroup"]) == ((tree / "a").stat().st_ino, "/a")
    assert (web["state"], web["generation"], web["weight"]) == ("live", 7, 300)
    assert (web["cpus"], web["cpuset"], web["exec_cpus"], web["tasks"]) == ("1", "0-2", "0", 2)
    assert (web["run_ns"], web["run_ns_by_cpu"]) == (42, {"0": 5, "1": 37})
    assert (host["cgroup"], host["tasks"]) == ("/", 2)
    assert (host["cpus"], host["cpuset"], host["exec_cpus"]) == ("0", None, None)
    assert (nested["cgroup"], nested["tasks"]) == ("/a/b", 7)
    assert table.open == []


def test_what_a_cell_may_use_and_did(table: type[Table], tree: Path) -> None:
    table.slots[1] = live(
        tree / "d",
        own=cpulist.to_words(0b10),
        flags=CELL_FLAG_NO_LEND | CELL_FLAG_NO_BORROW,
        quota_ns=50_000_000,
        period_ns=100_000_000,
        burst_ns=2_000_000,
        throttled_ns=9,
        nr_throttled=3,
    )
    table.stats[1] = [CellStats(wait_ns=1, nr_preempted=2), CellStats(wait_ns=3, lent_ns=4)]
    table.waits[1] = CellWaits(buckets=(50, 49, 0, 1) + (0,) * (OCIHOOK_WAIT_BUCKETS - 4))
    (row,) = list_cells(str(tree))
    assert schema.findings("cells", [row]) == []
    assert (row["own_cpus"], row["lend"], row["borrow"]) == ("1", False, False)
    assert row["quota"] == {"quota_us": 50_000, "period_us": 100_000, "burst_us": 2_000}
    assert (row["throttled_ns"], row["nr_throttled"]) == (9, 3)
    assert (row["wait_ns"], row["nr_preempted"], row["lent_ns"]) == (4, 2, 4)
    assert (row["nr_waits"], row["wait_below_us"]) == (100, {"p50": 1, "p99": 2})
    assert row["run_ns_by_cpu"] == {}


def test_the_cpuset_is_the_one_in_force_and_not_that_of_the_registration(
    table: type[Table], tree: Path
) -> None:
    """It has grown since in one cell; of another, own CPU 1 is out of reach now."""
    for name, cpus in (("", "0-1"), ("a", "0-1"), ("d", "0")):
        (tree / name / "cpuset.cpus.effective").write_text(f"{cpus}\n")
    own, old = cpulist.to_words(0b10), cpulist.to_words(0b1)
    table.slots[2] = live(tree / "a", allowed=old)
    table.slots[3] = live(tree / "d", own=own)
    table.slots[4] = live(tree / "a" / "b", shared=5, shared_generation=4)
    table.slots[5] = Cell(state=CELL_LIVE, generation=4, weight=100, nr_members=1, own=own)
    wide, narrow, shared = list_cells(str(tree))
    assert schema.findings("cells", [wide, narrow, shared]) == []
    names = ("cpus", "cpuset", "own_cpus", "own_cpus_out_of_reach")
    assert [wide[name] for name in names] == ["0-1", None, None, None]
    assert [narrow[name] for name in names] == ["0", "0", "1", "1"]
    assert [shared[name] for name in names] == ["0-1", None, "1", None]


def test_cgroups_that_share_a_cell_are_its_members(table: type[Table], tree: Path) -> None:
    table.slots[0] = live(tree, name=b"host")
    table.slots[2] = live(tree / "a", container=b"c1", shared=5, shared_generation=4)
    table.slots[3] = live(tree / "d", container=b"c2", shared=5, shared_generation=4)
    table.slots[5] = Cell(state=CELL_LIVE, name=b"pool", generation=4, weight=100, nr_members=2)
    host, pool = list_cells(str(tree))
    assert schema.findings("cells", [host, pool]) == []
    assert (pool["cell"], pool["name"], pool["cgid"], pool["cgroup"]) == (5, "pool", 0, None)
    assert pool["members"] == [
        {"container": "c1", "cgid": (tree / "a").stat().st_ino, "cgroup": "/a"},
        {"container": "c2", "cgid": (tree / "d").stat().st_ino, "cgroup": "/d"},
    ]
    assert (host["tasks"], pool["tasks"]) == (1, 10)


@pytest.mark.parametrize("shared", [{}, {5: 3}], ids=["gone", "used-anew"])
def test_member_of_no_cell_stands_for_itself(
    table: type[Table], tree: Path, shared: dict[int, int]
) -> None:
    table.slots[2] = live(tree / "a", container=b"c1", shared=5, shared_generation=4)
    for slot, generation in shared.items():
        table.slots[slot] = Cell(state=CELL_LIVE, generation=generation, weight=100)
    row, *others = list_cells(str(tree))
    assert (row["cell"], row["container"]) == (2, "c1")
    assert [(other["cell"], other["members"]) for other in others] == [
        (slot, []) for slot in shared
    ]


def test_cell_whose_cgroup_is_gone(table: type[Table], tree: Path) -> None:
    table.slots[1] = Cell(cgid=1, state=CELL_DRAINING, weight=100, name=b"\xff", container=b"c")
    (row,) = list_cells(str(tree))
    assert schema.findings("cells", [row]) == []
    assert (row["cgroup"], row["tasks"], row["state"], row["name"]) == (
        None,
        0,
        "draining",
        "\N{REPLACEMENT CHARACTER}",
    )


@pytest.mark.parametrize(
    ("state", "name"),
    [(CELL_CLAIMING, "claiming"), (CELL_LIVE, "live"), (CELL_DRAINING, "draining")],
)
def test_states(table: type[Table], tree: Path, state: int, name: str) -> None:
    table.slots[1] = live(tree / "d", state=state)
    assert list_cells(str(tree))[0]["state"] == name


@pytest.mark.parametrize("state", [CELL_NODE, CELL_NODE_DRAINING])
def test_a_node_of_the_tree_is_no_cell(table: type[Table], tree: Path, state: int) -> None:
    """What runs in it counts for the cell that it lies in."""
    table.slots[0] = live(tree, name=b"host")
    table.slots[1] = live(tree / "d", state=state)
    table.slots[2] = live(tree / "a", name=b"web")
    table.slots[3] = live(tree / "a" / "b", state=state, parent=2, box=2)
    host, web = list_cells(str(tree))
    assert (host["cell"], host["tasks"]) == (0, 2)
    assert (web["cell"], web["tasks"]) == (2, 9)


def test_cgroup_outside_of_what_is_mounted(table: type[Table], tree: Path) -> None:
    """In a cgroup namespace of our own, cells of others have no path that we could show."""
    table.slots[1] = live(tree / "d")
    (row,) = list_cells(str(tree / "a"))
    assert (row["cgroup"], row["tasks"]) == (None, 0)


def test_everything_is_closed_after_a_failure(
    table: type[Table], tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_self: Table, _index: int) -> list[Any]:
        raise SystemCallError("read of map element 0", errno.EPERM)

    monkeypatch.setattr(Table, "read", fail)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(SystemCallError):
        list_cells(str(tree))
    assert table.open == []
    assert os.listdir("/proc/self/fd") == before


def test_a_cgroup_that_is_too_deep_for_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    def readlink(path: str) -> str:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), path)

    opened = os.open("/", os.O_RDONLY)
    monkeypatch.setattr(cells, "open_cgid", lambda _mount_fd, _cgid: opened)
    monkeypatch.setattr(cells.os, "readlink", readlink)
    assert cells.cgroup_of(3, 77) is None
