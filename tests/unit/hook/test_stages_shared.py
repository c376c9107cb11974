# SPDX-License-Identifier: Apache-2.0
"""Shared cells at createRuntime and poststart: whose name it is, and what who joins is told."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import ocihook._bpf
from ocihook import mark, shared
from ocihook.abi import CELL_SHARED_CHANGE, CELL_SHARED_JOIN, CELL_SHARED_JOINED, CellRequest
from ocihook.cell import CellSpec
from ocihook.errors import PolicyError
from ocihook.hook import cgroup, stages
from ocihook.hook.cgroup import Cgroup
from ocihook.hook.state import ContainerState
from ocihook.policy import LIMITS, Policy

WEB = {"org.ocihook/cell": "web"}
HEAVY = WEB | {"org.ocihook/weight": "300"}
Make = Callable[..., ContainerState]


class Table(ModuleType):
    """In place of ocihook._bpf.pinned: all join who may not change the cell."""

    def __init__(self) -> None:
        super().__init__("ocihook._bpf.pinned")
        self.requests: list[CellRequest] = []
        self.marks: list[CellSpec] = []
        self.has_members = True

    def register(self, request: CellRequest) -> tuple[int, int]:
        self.requests.append(CellRequest.unpack(request.pack()))
        if self.has_members and request.shared == CELL_SHARED_JOIN:
            request.shared = CELL_SHARED_JOINED
        return 4, 1


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Table:
    """The scheduler. The cgroup of pid 5 is /5, below another one."""
    made = Table()
    home = tmp_path / "5"
    home.mkdir()
    monkeypatch.setitem(sys.modules, made.__name__, made)
    monkeypatch.setattr(ocihook._bpf, "pinned", made, raising=False)
    monkeypatch.setattr(
        cgroup, "find", lambda pid, joined: Cgroup(77, f"/{pid}", os.open(home, os.O_RDONLY))
    )
    monkeypatch.setattr(Cgroup, "mark", lambda _self, text: made.marks.append(mark.read(text)))

    def adopt(spec: CellSpec, slot: int) -> bool:
        assert slot == 4
        is_other = spec.fixed_weight
        spec.weight, spec.fixed_weight = 70, False
        return is_other

    monkeypatch.setattr(shared, "adopt", adopt)
    return made


@pytest.fixture
def make(bundle: Path) -> Make:
    def state(given: dict[str, str], **members: Any) -> ContainerState:
        made = ContainerState(
            id="c1", pid=5, status="creating", bundle=str(bundle), annotations=given
        )
        written = [name for name in LIMITS if name in members]
        made.policy = Policy(**{"file": "c", "weight_max": 999, "written": written} | members)
        return made

    return state


@pytest.mark.parametrize("stage", [stages.create_runtime, stages.poststart])
def test_who_joins_and_wishes_nothing(
    table: Table, make: Make, stage: Callable[[ContainerState], None]
) -> None:
    stage(make(WEB))
    (request,) = table.requests
    assert request.shared == CELL_SHARED_JOIN
    assert [spec.weight for spec in table.marks] == [100, 70], "as the cell is"


def test_who_joins_and_wishes_the_cell_to_be_different(table: Table, make: Make) -> None:
    with pytest.raises(PolicyError) as caught:
        stages.create_runtime(make(HEAVY))
    assert str(caught.value) == (
        "annotation org.ocihook/cell: 'web' is shared, and keeps what it has, by "
        "limits.shared_change = false, the default (to allow it, write shared_change below "
        "[limits] in c)"
    )
    assert (table.marks[-1].weight, table.marks[-1].fixed_weight) == (70, False)


def test_who_may_change_it(table: Table, make: Make) -> None:
    stages.create_runtime(make(HEAVY, shared_change=True))
    (request,) = table.requests
    assert (request.shared, request.weight) == (CELL_SHARED_CHANGE, 300)
    assert [spec.weight for spec in table.marks] == [300]


def test_the_first_one_decides(table: Table, make: Make) -> None:
    table.has_members = False
    stages.create_runtime(make(HEAVY))
    assert [spec.weight for spec in table.marks] == [300]


def scope(table: Table, make: Make, given: dict[str, str], **members: Any) -> int:
    stages.create_runtime(make(WEB | given, **members))
    assert table.marks[-1].scope == table.requests[-1].scope
    return table.requests[-1].scope


def test_scopes(table: Table, make: Make, tmp_path: Path) -> None:
    parent = tmp_path.stat().st_ino
    assert scope(table, make, {}) == parent
    assert scope(table, make, {}, shared_scope="host") == 0
    by_tenant = {"shared_scope": "annotation:tenant"}
    red = scope(table, make, {"tenant": "red"}, **by_tenant)
    assert red == scope(table, make, {"tenant": "red"}, **by_tenant)
    assert red not in (0, parent, scope(table, make, {"tenant": "blue"}, **by_tenant))
    assert scope(table, make, {}, **by_tenant) == parent, "no engine of that kind has made it"
    stages.create_runtime(make({"tenant": "red"}, **by_tenant))
    assert (table.requests[-1].shared, table.requests[-1].scope) == (0, 0)
