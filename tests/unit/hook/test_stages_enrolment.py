# SPDX-License-Identifier: Apache-2.0
"""Who gets a cell and who does not, by what the administrator allows."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import ocihook._bpf
from ocihook import grant
from ocihook.abi import CellRequest
from ocihook.cell import CellSpec
from ocihook.cpuset import Cpuset
from ocihook.errors import AnnotationError, PolicyError, ProcessGone
from ocihook.hook import cgroup, stages
from ocihook.hook.cgroup import Cgroup
from ocihook.hook.state import ContainerState
from ocihook.policy import Policy

CELL = "org.ocihook/cell"
Make = Callable[..., ContainerState]


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[CellRequest]:
    """What reaches the scheduler. The cgroup of pid 5 is /5."""
    requests: list[CellRequest] = []
    pinned = ModuleType("ocihook._bpf.pinned")

    def register(request: CellRequest) -> tuple[int, int]:
        requests.append(request)
        return 1, 1

    pinned.register = register  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, pinned.__name__, pinned)
    monkeypatch.setattr(ocihook._bpf, "pinned", pinned, raising=False)
    monkeypatch.setattr(
        cgroup, "find", lambda pid, joined: Cgroup(77, f"/{pid}", os.open(tmp_path, os.O_RDONLY))
    )
    monkeypatch.setattr(Cgroup, "mark", lambda _self, _mark: None)
    return requests


@pytest.fixture
def make(bundle: Path) -> Make:
    """Return a container with these annotations, under a policy with these members."""

    def state(given: dict[str, str], **members: Any) -> ContainerState:
        made = ContainerState(
            id="c1", pid=5, status="creating", bundle=str(bundle), annotations=given
        )
        open_keys = {"weight_max": 10000, "own_cpus_max": 1024, "lend_off": True}
        members = open_keys | members
        made.policy = Policy(file="/etc/c.toml", written=list(members), **members)
        return made

    return state


WEIGHT = "org.ocihook/weight"


def told(make: Make, given: dict[str, str], **members: Any) -> str:
    with pytest.raises((AnnotationError, PolicyError)) as caught:
        stages.create_runtime(make(given, **members))
    return str(caught.value)


@pytest.mark.parametrize(
    ("given", "members", "said"),
    [
        ({WEIGHT: "300", CELL: "web"}, {"weight_max": 200}, "300 is above limits.weight_max = 200"),
        ({WEIGHT: "300"}, {"weight_max": "cgroup"}, 'limits.weight_max = "cgroup" (here 100)'),
        ({WEIGHT: "0", CELL: "web"}, {}, "'0' is not an integer"),
        ({"org.ocihook/wieght": "1", WEIGHT: "2"}, {}, "'org.ocihook/wieght': unknown"),
        ({CELL: "off"}, {"cell_off": False}, "off is against limits.cell_off = false"),
        ({CELL: "web", WEIGHT: "2"}, {"shared_cells": []}, "'web' is not of limits.shared_cells"),
        ({"org.ocihook/cpus": "2", "org.ocihook/lend": "false"}, {"lend_off": False}, "lend_off"),
    ],
)
def test_what_is_refused_gets_a_plain_cell(
    make: Make, registered: list[CellRequest], given: dict[str, str], members: Any, said: str
) -> None:
    """With nothing of what it asked for, and nothing less than its cgroup says."""
    assert said in told(make, given, **members)
    (request,) = registered
    assert (request.weight, request.flags, request.shared) == (100, 0, 0)
    assert (request.name, request.container) == (b"c1", b"c1")


def test_a_weight_of_the_cgroups_own_is_none_too_much(
    make: Make, registered: list[CellRequest]
) -> None:
    for weight in ("100", "1"):
        stages.create_runtime(make({WEIGHT: weight}, weight_max="cgroup"))
    assert [request.weight for request in registered] == [100, 1]


@pytest.mark.parametrize("given", [{WEIGHT: "300"}, {WEIGHT: "x"}])
def test_who_does_not_start_gets_no_cell(
    make: Make, registered: list[CellRequest], given: dict[str, str]
) -> None:
    told(make, given, weight_max="cgroup", on_error="refuse")
    told(make, given | {"org.ocihook/required": "true"}, weight_max="cgroup")
    assert not registered


def test_a_refusal_is_told_where_there_is_no_scheduler_either(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cgroup, "find", lambda pid, joined: raise_(ProcessGone("gone")))
    assert "300 is above limits.weight_max" in told(make, {WEIGHT: "300"}, weight_max=200)


def raise_(error: Exception) -> None:
    raise error


@pytest.mark.parametrize("stage", [stages.create_runtime, stages.poststart])
def test_limits_hold_for_annotations_of_config_json(
    make: Make,
    bundle: Path,
    registered: list[CellRequest],
    stage: Callable[[ContainerState], None],
) -> None:
    (bundle / "config.json").write_text('{"annotations": {"org.ocihook/cpus": "2"}}')
    with pytest.raises(PolicyError, match=r"limits.own_cpus_max = 1 of"):
        stage(make({}, own_cpus_max=1))
    (request,) = registered
    assert not any(request.own)


def test_a_pattern_of_cgroups(make: Make, registered: list[CellRequest]) -> None:
    stages.create_runtime(make({}, cgroups=["/6"]))
    assert not registered
    stages.create_runtime(make({}, cgroups=["/5"]))
    stages.create_runtime(make({CELL: "web"}, cgroups=["/6"]))
    assert len(registered) == 2


def test_a_pattern_of_annotations(
    make: Make, registered: list[CellRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    stages.create_runtime(make({"a": "1"}, annotations={"a": "*"}))
    assert len(registered) == 1
    monkeypatch.setattr(cgroup, "find", None)  # it cannot change anything, and takes time
    stages.create_runtime(make({"b": "1"}, annotations={"a": "*"}))


def test_exclusions(make: Make, registered: list[CellRequest]) -> None:
    stages.create_runtime(make({}, who="all", exclude_cgroups=["/5"]))
    for given in ({CELL: "web"}, {"org.ocihook/required": "true"}):
        with pytest.raises(PolicyError, match=r"excluded by enrol.exclude.cgroups: '/5' of"):
            stages.create_runtime(make(given, exclude_cgroups=["/5"]))
    assert not registered


def test_off_is_not_a_wish(make: Make, registered: list[CellRequest]) -> None:
    """Neither an exclusion nor a limit has anything to say to who wants no cell."""
    given = {CELL: "off", "org.ocihook/weight": "300"}
    stages.create_runtime(make(given, exclude_cgroups=["/5"], shared_cells=[], weight_max=200))
    assert not registered


def test_own_cpus_come_from_those_that_may_be_given_out(
    make: Make, registered: list[CellRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    masks = []

    def give(_spec: CellSpec, _cgid: int, _slot: int, _cpus: Cpuset, given_out: int) -> str:
        masks.append(given_out)
        return ""

    monkeypatch.setattr(grant, "grant", give)
    stages.create_runtime(make({"org.ocihook/cpus": "2"}, own_cpus="2-3"))
    stages.create_runtime(make({"org.ocihook/cpus": "2"}))
    assert masks == [0b1100, 0]
