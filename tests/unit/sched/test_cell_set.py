# SPDX-License-Identifier: Apache-2.0
"""``cells set``: what the scheduler is asked for, and what the marks say afterwards."""

import errno
import os
from collections.abc import Callable
from typing import Any

import pytest

from ocihook import cpulist, mark
from ocihook.abi import (
    CELL_FIELD_FLAGS,
    CELL_FIELD_OWN,
    CELL_FIELD_QUOTA,
    CELL_FIELD_WEIGHT,
    CELL_FLAG_FIXED_WEIGHT,
    CELL_FLAG_NO_BORROW,
    CELL_FLAG_NO_LEND,
    Cell,
    CellRequest,
)
from ocihook.cell import CellSpec
from ocihook.cpuset import Cpuset
from ocihook.errors import CgroupError, InputError, OwnCpusTaken
from ocihook.sched import cell_set
from ocihook.sched.cell_set import Outcome, change_cell
from ocihook.sched.change import Change

MS = 1_000_000


def row(slot: int, name: str, container: str = "", cgid: int = 0, **more: Any) -> dict[str, Any]:
    given = {"cgroup": f"/{container}" if cgid else None, "members": [], "state": "live", **more}
    return {"cell": slot, "name": name, "container": container, "cgid": cgid, **given}


ROWS = [
    row(0, "host", cgid=1),
    row(3, "web", "abc1", 77),
    row(4, "web", "abc1", 78, state="draining"),
    row(5, "pool", members=[row(6, "pool", "one", 80), row(7, "pool", "two", 81)]),
    row(8, "left"),
]
CELLS = {
    3: Cell(
        name=b"web", weight=100, bundle_hash=5, quota_ns=50 * MS, period_ns=100 * MS,
        own=cpulist.to_words(0b10), restricted=1, allowed=cpulist.to_words(0b1110),
    ),
    5: Cell(name=b"pool", weight=200, nr_members=2, flags=CELL_FLAG_NO_LEND),
}  # fmt: skip
WEB = CellSpec(container="abc1", bundle_hash=5, name="web", exec_allowed=1, own=2, own_count=1)


class World:
    """The requests that reach the scheduler, the marks, and how CPUs are granted."""

    def __init__(self) -> None:
        self.requests: list[CellRequest] = []
        self.marks: dict[str, bytes] = {}
        self.granted = 0b1100

    def update(self, request: CellRequest) -> tuple[int, int]:
        self.requests.append(request)
        return 3, 1

    def claim(
        self,
        request: CellRequest,
        spec: CellSpec,
        slot: int,
        cpus: Cpuset,
        given_out: int,
        *,
        whole: bool,
    ) -> None:
        assert (whole, given_out, cpus.effective) == (True, 0, 0b1110)
        assert spec.own == 0
        if not self.granted:
            raise OwnCpusTaken("own CPUs: 2 wished, 1 granted")
        spec.own = self.granted
        request.own = cpulist.to_words(spec.own)
        self.requests.append(request)

    def getxattr(self, path: str, attribute: str) -> bytes:
        assert attribute == "trusted.ocihook.cell"
        if path not in self.marks:
            raise OSError(errno.ENODATA, "no data")
        return self.marks[path]

    def setxattr(self, path: str, attribute: str, value: bytes) -> None:
        self.marks[path] = value

    def marked(self, path: str) -> CellSpec:
        return mark.read(self.marks[path])


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    fake = World()
    fake.marks["/cg/abc1"] = mark.write(WEB)
    monkeypatch.setattr(cell_set, "list_cells", lambda _cgroupfs: ROWS)
    monkeypatch.setattr(cell_set, "cpuset_of", lambda _cgroups, _cgroupfs: Cpuset(0b1110, 0b1111))
    monkeypatch.setattr(cell_set, "cell_in_charge", lambda slot: (slot, CELLS[slot]))
    monkeypatch.setattr(cell_set, "claim", fake.claim)
    monkeypatch.setattr(cell_set.pinned, "update", fake.update)
    monkeypatch.setattr(os, "getxattr", fake.getxattr)
    monkeypatch.setattr(os, "setxattr", fake.setxattr)
    return fake


def change(which: str, **members: Any) -> Outcome:
    return change_cell(which, Change(**members), "/cg")


@pytest.mark.parametrize("which", ["3", "web", "abc1", "ab"])
def test_weight(world: World, which: str) -> None:
    outcome = change(which, weight=300)
    assert (outcome.slot, outcome.spec.weight, outcome.warnings) == (3, 300, ())
    (request,) = world.requests
    assert (request.cgid, request.weight, request.shared) == (77, 300, 0)
    assert request.fields == CELL_FIELD_WEIGHT | CELL_FIELD_FLAGS
    assert request.flags == CELL_FLAG_FIXED_WEIGHT
    marked = world.marked("/cg/abc1")
    assert (marked.weight, marked.fixed_weight, marked.fixed_quota) == (300, True, False)
    # What was not named stays; the quota is the one that the cell has by now.
    assert (marked.exec_allowed, marked.own, marked.own_count) == (1, 2, 1)
    assert marked.quota_ns == 50 * MS


@pytest.mark.parametrize(
    ("wish", "quota_ns", "burst_ns"),
    [
        ({"quota_us": (20000, 100000)}, 20 * MS, 0),
        ({"quota_us": (0, 0)}, 0, 0),
        ({"burst_us": 10000}, 50 * MS, 10 * MS),
    ],
)
def test_quota(world: World, wish: dict[str, Any], quota_ns: int, burst_ns: int) -> None:
    change("web", **wish)
    (request,) = world.requests
    assert request.fields == CELL_FIELD_QUOTA | CELL_FIELD_FLAGS
    assert (request.quota_ns, request.burst_ns) == (quota_ns, burst_ns)
    marked = world.marked("/cg/abc1")
    assert (marked.quota_ns, marked.burst_ns, marked.fixed_quota) == (quota_ns, burst_ns, True)


@pytest.mark.parametrize(("cpus", "count", "listed"), [((2, 0), 2, 0), ((0, 0b1100), 0, 0b1100)])
def test_own_cpus(world: World, cpus: tuple[int, int], count: int, listed: int) -> None:
    outcome = change("web", cpus=cpus)
    (request,) = world.requests
    assert request.fields == CELL_FIELD_OWN | CELL_FIELD_FLAGS
    assert cpulist.from_words(request.own) == outcome.spec.own == 0b1100
    assert outcome.spec.allowed == 0b1110
    marked = world.marked("/cg/abc1")
    assert (marked.own, marked.own_count, marked.own_list) == (0b1100, count, listed)


def test_no_more_own_cpus(world: World) -> None:
    change("web", cpus=(0, 0))
    (request,) = world.requests
    assert request.fields == CELL_FIELD_OWN | CELL_FIELD_FLAGS
    assert cpulist.from_words(request.own) == 0
    assert not world.marked("/cg/abc1").wishes_own()
    assert world.marked("/cg/abc1").own == 0


def test_own_cpus_that_are_taken_change_nothing(world: World) -> None:
    world.granted = 0
    before = dict(world.marks)
    with pytest.raises(OwnCpusTaken):
        change("web", weight=300, cpus=(2, 0))
    assert world.requests == []
    assert world.marks == before


def test_lend_and_borrow(world: World) -> None:
    change("web", lend=False, borrow=False)
    (request,) = world.requests
    assert request.fields == CELL_FIELD_FLAGS
    assert request.flags == CELL_FLAG_NO_LEND | CELL_FLAG_NO_BORROW
    marked = world.marked("/cg/abc1")
    assert (marked.lend, marked.borrow) == (False, False)


@pytest.mark.parametrize("which", ["5", "pool", "two"])
def test_shared_cell(world: World, which: str) -> None:
    """One request through any cgroup of it, and the marks of all."""
    for container in ("one", "two"):
        spec = CellSpec(container=container, bundle_hash=1, name="pool", shared=True)
        world.marks[f"/cg/{container}"] = mark.write(spec)
    assert change(which, weight=300).slot == 5
    (request,) = world.requests
    assert (request.cgid, request.shared, request.name) == (80, 1, b"pool")
    # What the cell was set to before stands.
    assert request.flags == CELL_FLAG_NO_LEND | CELL_FLAG_FIXED_WEIGHT
    for container in ("one", "two"):
        marked = world.marked(f"/cg/{container}")
        assert (marked.container, marked.weight, marked.lend) == (container, 300, False)


@pytest.mark.parametrize(
    ("which", "kind", "message"),
    [
        ("0", InputError, r"cell 0: is the host's, .*systemctl set-property NAME CPUWeight=N"),
        ("host", InputError, "cell 0: is the host's"),
        ("9", InputError, "'9': there is none"),
        ("left", CgroupError, "cell 8: no cgroup is in it any more"),
    ],
)
def test_cells_that_cannot_be_changed(
    world: World, which: str, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        change(which, weight=300)
    assert world.requests == []


def test_without_a_mark_the_live_cell_is_changed(world: World) -> None:
    world.marks.clear()
    assert change("web", weight=300).warnings == ()
    assert len(world.requests) == 1
    assert world.marks == {}


def refuse(number: int) -> Callable[..., bytes]:
    def call(_path: str, *_more: Any) -> bytes:
        raise OSError(number, os.strerror(number))

    return call


def test_marks_that_cannot_be_changed_are_said(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.marks["/cg/abc1"] = b"[]"
    assert change("web", weight=300).warnings == ("/cg/abc1: cell mark: not a JSON object",)
    monkeypatch.setattr(os, "getxattr", refuse(errno.EPERM))
    assert change("web", weight=300).warnings == ("/cg/abc1: mark: operation not permitted",)
    hidden = [row(3, "web", "abc1", 77, cgroup=None)]
    monkeypatch.setattr(cell_set, "list_cells", lambda _cgroupfs: hidden)
    assert change("web", weight=300).warnings == (
        "cgroup 77: not to be seen from here, its mark stays",
    )
