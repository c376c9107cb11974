# SPDX-License-Identifier: Apache-2.0
"""Granting own CPUs, by a scheduler of our own that claims as the real one does."""

import pytest

from ocihook import cpulist, grant, topology
from ocihook._bpf import pinned, pinned_cells
from ocihook.abi import CELL_FIELD_OWN, CELL_FIELD_WEIGHT, Cell, CellRequest
from ocihook.cell import CellSpec
from ocihook.cpuset import ANY, Cpuset
from ocihook.errors import CgroupError, OwnCpusTaken
from ocihook.topology import Topology

FOUR = Topology(0b1111, (1, 2, 4, 8), (0b1111,), (0b1111,))


class Scheduler:
    """One cell, in slot 3, with `own` CPUs; `others` have theirs, as `owned` tells.

    `surprises` are taken by others one by one, each before the next update.
    """

    def __init__(self) -> None:
        self.own = 0
        self.others = 0
        self.surprises: list[int] = []
        self.updates: list[CellRequest] = []

    def read(self, slot: int) -> tuple[int, Cell]:
        assert slot == 3
        return slot, Cell(own=cpulist.to_words(self.own))

    def owned(self) -> int:
        return self.own | self.others

    def update(self, request: CellRequest) -> tuple[int, int]:
        self.updates.append(request)
        if self.surprises:
            self.others |= self.surprises.pop(0)
        wanted = cpulist.from_words(request.own)
        if wanted & self.others:
            raise OwnCpusTaken("update of cgroup 77: CPUs wished as its own are taken")
        self.own = wanted
        return 3, 1


@pytest.fixture
def scheduler(monkeypatch: pytest.MonkeyPatch) -> Scheduler:
    fake = Scheduler()
    monkeypatch.setattr(topology, "read", lambda: FOUR)
    monkeypatch.setattr(pinned_cells, "cell_in_charge", fake.read)
    monkeypatch.setattr(pinned_cells, "owned_cpus", fake.owned)
    monkeypatch.setattr(pinned, "update", fake.update)
    return fake


def spec(**wishes: int) -> CellSpec:
    return CellSpec(container="c1", bundle_hash=5, name="web", **wishes)  # type: ignore[arg-type]


def test_a_count(scheduler: Scheduler) -> None:
    wanted = spec(own_count=2)
    assert grant.grant(wanted, 77, 3, ANY) == ""
    assert wanted.own == scheduler.own == 0b1100
    (update,) = scheduler.updates
    assert (update.cgid, update.fields) == (77, CELL_FIELD_OWN)


def test_a_list(scheduler: Scheduler) -> None:
    wanted = spec(own_list=0b0110)
    assert grant.grant(wanted, 77, 3, ANY) == ""
    assert scheduler.own == 0b0110


def test_the_cell_keeps_what_it_has(scheduler: Scheduler) -> None:
    """At poststart, or where another container of a shared cell has wished the same."""
    scheduler.own, scheduler.others = 0b0011, 0b1000
    wanted = spec(own_count=2)
    assert grant.grant(wanted, 77, 3, ANY) == ""
    assert wanted.own == scheduler.own == 0b0011
    assert scheduler.updates == []


def test_what_else_is_asked_is_sent(scheduler: Scheduler) -> None:
    scheduler.own = 0b0011
    wanted = spec(own_count=2, weight=300)
    request = wanted.request(77)
    request.fields = CELL_FIELD_OWN | CELL_FIELD_WEIGHT
    grant.claim(request, wanted, 3, ANY, whole=True)
    assert [(update.weight, update.fields) for update in scheduler.updates] == [
        (300, CELL_FIELD_OWN | CELL_FIELD_WEIGHT)
    ]


def test_what_the_mark_says_comes_before_anything_else(scheduler: Scheduler) -> None:
    wanted = spec(own_count=2, own=0b0011)
    assert grant.grant(wanted, 77, 3, ANY) == ""
    assert scheduler.own == 0b0011


def test_what_the_mark_says_is_another_s_now(scheduler: Scheduler) -> None:
    scheduler.others = 0b0001
    wanted = spec(own_count=2, own=0b0011)
    assert grant.grant(wanted, 77, 3, ANY) == ""
    assert wanted.own == scheduler.own == 0b1100


def test_too_few(scheduler: Scheduler) -> None:
    scheduler.others = 0b1000
    wanted = spec(own_count=3)
    assert grant.grant(wanted, 77, 3, ANY) == (
        "own CPUs: 3 wished, 2 granted; not granted:"
        " 3 (another cell's own), 0 (of the one whole core that stays the host's)"
    )
    assert wanted.own == scheduler.own == 0b0110


def test_some_of_a_list(scheduler: Scheduler) -> None:
    scheduler.others = 0b1000
    wanted = spec(own_list=0b11_1100)
    assert grant.grant(wanted, 77, 3, ANY) == (
        "own CPUs not granted: 4-5 (not online), 3 (another cell's own)"
    )
    assert wanted.own == scheduler.own == 0b0100


def test_the_cpuset_bounds_it(scheduler: Scheduler) -> None:
    wanted = spec(own_count=2, allowed=0b0010)
    assert grant.grant(wanted, 77, 3, ANY) == (
        "own CPUs: 2 wished, 1 granted; not granted: 0,2-3 (not in the container's cpuset)"
    )
    assert scheduler.own == 0b0010


@pytest.mark.parametrize(("allowed", "expected"), [(0, 0b0110), (0b1110, 0b0110)])
def test_only_what_may_be_given_out(scheduler: Scheduler, allowed: int, expected: int) -> None:
    wanted = spec(own_count=2, allowed=allowed)
    assert grant.grant(wanted, 77, 3, ANY, 0b0111) == ""
    assert wanted.own == scheduler.own == expected


def test_what_may_be_given_out_and_what_is_allowed_have_nothing_in_common(
    scheduler: Scheduler,
) -> None:
    """No CPU is then not the same as any CPU."""
    wanted = spec(own_count=2, allowed=0b1100)
    assert grant.grant(wanted, 77, 3, ANY, 0b0011) == (
        "own CPUs: 2 wished, 0 granted; not granted:"
        " 0-1 (not in the container's cpuset), 2-3 (not given out by limits.own_cpus)"
    )
    assert wanted.own == scheduler.own == 0


def test_a_cell_gives_back_what_may_not_be_given_out_any_more(scheduler: Scheduler) -> None:
    scheduler.own = 0b1000
    wanted = spec(own_count=1)
    assert grant.grant(wanted, 77, 3, ANY, 0b0110) == ""
    assert wanted.own == scheduler.own == 0b0100


def test_who_lost_chooses_again(scheduler: Scheduler) -> None:
    scheduler.surprises = [0b1000, 0b0100]
    wanted = spec(own_count=1)
    assert grant.grant(wanted, 77, 3, ANY) == ""
    assert wanted.own == scheduler.own == 0b0010
    assert len(scheduler.updates) == 3


def test_who_loses_every_time_keeps_what_it_has(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def refuse(request: CellRequest) -> tuple[int, int]:
        calls.append(request)
        raise OwnCpusTaken("taken", "hint")

    monkeypatch.setattr(pinned, "update", refuse)
    scheduler.own = 0b0100
    wanted = spec(own_count=2)
    assert grant.grant(wanted, 77, 3, ANY) == "taken (hint)"
    assert len(calls) == grant.ATTEMPTS
    assert wanted.own == 0b0100


@pytest.mark.parametrize(
    ("wish", "cpus", "own", "missing"),
    [
        # A slice above has CPU 0 alone.
        (
            {"own_list": 0b10, "allowed": 0b10},
            Cpuset(0b1, 0b1111),
            0,
            "own CPUs not granted: 1 (not in its cgroup's cpuset.cpus.effective: 0)",
        ),
        (
            {"own_count": 2},
            Cpuset(0b1, 0b1111),
            0b1,
            "own CPUs: 2 wished, 1 granted;"
            " not granted: 1-3 (not in its cgroup's cpuset.cpus.effective: 0)",
        ),
        (
            {"own_count": 1},
            Cpuset(0, 0b1111),
            0,
            "own CPUs: 1 wished, 0 granted;"
            " not granted: 0-3 (not in its cgroup's cpuset.cpus.effective: none)",
        ),
        (
            {"own_list": 0b0110},
            Cpuset(0b0011, 0b1111),
            0b10,
            "own CPUs not granted: 2 (not in its cgroup's cpuset.cpus.effective: 0-1)",
        ),
        # The mark is older than a cpuset that has grown.
        ({"own_count": 2, "allowed": 0b1}, Cpuset(0b1111, 0b1111), 0b1100, ""),
        # A partition elsewhere has all but CPU 0, which stays the host's.
        (
            {"own_count": 1},
            Cpuset(0b1, 0b1),
            0,
            "own CPUs: 1 wished, 0 granted; not granted:"
            " 1-3 (in the cpuset partition of another cgroup),"
            " 0 (of the one whole core that stays the host's)",
        ),
        # It is the partition.
        ({"own_count": 2}, Cpuset(0b1110, 0b1), 0b1100, ""),
    ],
)  # fmt: skip
def test_what_is_in_force_bounds_it(
    scheduler: Scheduler, wish: dict[str, int], cpus: Cpuset, own: int, missing: str
) -> None:
    wanted = spec(**wish)
    assert grant.grant(wanted, 77, 3, cpus) == missing
    assert wanted.own == scheduler.own == own


def test_all_or_nothing(scheduler: Scheduler) -> None:
    scheduler.own, scheduler.others = 0b0100, 0b1000
    wanted = spec(own_count=3, own=0b0100)
    with pytest.raises(OwnCpusTaken, match=r"3 wished, 2 granted; .*see: ocihook cells"):
        grant.claim(wanted.request(77), wanted, 3, ANY, whole=True)
    assert scheduler.updates == []
    assert wanted.own == 0b0100


def test_other_failures_are_not_tried_again(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def refuse(request: CellRequest) -> tuple[int, int]:
        calls.append(request)
        raise CgroupError("gone")

    monkeypatch.setattr(pinned, "update", refuse)
    with pytest.raises(CgroupError):
        grant.grant(spec(own_count=1), 77, 3, ANY)
    assert len(calls) == 1
