# SPDX-License-Identifier: Apache-2.0
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from open_policy import opened

import ocihook._bpf
from ocihook import grant, mark
from ocihook.abi import CELL_FIELD_OWN, CellRelease, CellRequest
from ocihook.cell import CellSpec
from ocihook.cpuset import Cpuset
from ocihook.errors import (
    AnnotationError,
    BundleError,
    CellTableFull,
    OcihookError,
    OwnCpusTaken,
    ProcessGone,
    ProcessHidden,
    SchedulerUnavailable,
    StateError,
    SystemCallError,
)
from ocihook.hook import cgroup, stages
from ocihook.hook.cgroup import Cgroup
from ocihook.hook.state import ContainerState

CELL = "org.ocihook/cell"


class Scheduler(ModuleType):
    """In place of ocihook._bpf.pinned: remembers what it is asked for."""

    def __init__(self) -> None:
        super().__init__("ocihook._bpf.pinned")
        self.registered: list[CellRequest] = []
        self.released: list[CellRelease] = []
        self.failure: OcihookError | None = None

    def register(self, request: CellRequest) -> tuple[int, int]:
        if self.failure:
            raise self.failure
        self.registered.append(request)
        return 1, 1

    def unregister(self, release: CellRelease) -> int:
        if self.failure:
            raise self.failure
        self.released.append(release)
        return 0


@pytest.fixture
def scheduler(monkeypatch: pytest.MonkeyPatch) -> Scheduler:
    pinned = Scheduler()
    monkeypatch.setitem(sys.modules, "ocihook._bpf.pinned", pinned)
    monkeypatch.setattr(ocihook._bpf, "pinned", pinned, raising=False)
    return pinned


@pytest.fixture
def marks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[bytes]:
    """What is written to the container's cgroup, which is found."""
    written: list[bytes] = []
    monkeypatch.setattr(
        cgroup, "find", lambda pid, joined: Cgroup(77, f"/{pid}", os.open(tmp_path, os.O_RDONLY))
    )
    monkeypatch.setattr(Cgroup, "mark", lambda _self, mark: written.append(mark))
    return written


Make = Callable[..., ContainerState]


@pytest.fixture
def make(bundle: Path) -> Make:
    def state(**members: Any) -> ContainerState:
        given = {"id": "c1", "pid": 5, "status": "creating", "bundle": str(bundle)}
        made = ContainerState(**{**given, "annotations": {}, **members})
        made.policy = opened()
        return made

    return state


@pytest.mark.parametrize("stage", [stages.create_runtime, stages.poststart])
def test_enrols(
    stage: Callable[[ContainerState], None], make: Make, scheduler: Scheduler, marks: list[bytes]
) -> None:
    stage(make(annotations={CELL: "web", "org.ocihook/weight": "300"}))
    (request,) = scheduler.registered
    assert (request.cgid, request.container, request.name) == (77, b"c1", b"web")
    assert request.weight == 300
    (text,) = marks
    assert mark.read(text).request(77, joins=True).pack() == request.pack()


@pytest.fixture
def grants(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What is granted (`own`), what is said of it (`missing`), and whom it was asked for."""
    told: dict[str, Any] = {"own": 0b1100, "missing": "", "asked": []}

    def fake(spec: CellSpec, cgid: int, slot: int, cpus: Cpuset, given_out: int) -> str:
        told["asked"].append((spec.own_count, cgid, slot, given_out))
        told["cpus"] = cpus.effective
        spec.own = told["own"]
        return str(told["missing"])

    monkeypatch.setattr(grant, "grant", fake)
    return told


CPUS = {"org.ocihook/cpus": "2"}


@pytest.mark.parametrize("stage", [stages.create_runtime, stages.poststart])
def test_own_cpus(
    stage: Callable[[ContainerState], None],
    make: Make,
    scheduler: Scheduler,
    marks: list[bytes],
    grants: dict[str, Any],
    tmp_path: Path,
) -> None:
    """Registered without them, then granted of those in force; the mark has what was granted."""
    (tmp_path / "cpuset.cpus.effective").write_text("2-3\n")
    stage(make(annotations=CPUS))
    (request,) = scheduler.registered
    assert not request.fields & CELL_FIELD_OWN
    assert grants["asked"] == [(2, 77, 1, 0)]
    assert grants["cpus"] == 0b1100
    wished, granted = map(mark.read, marks)
    assert (wished.own_count, wished.own) == (2, 0)
    assert (granted.own_count, granted.own) == (2, 0b1100)


def test_too_few_own_cpus_are_an_error_that_leaves_the_cell(
    make: Make, scheduler: Scheduler, marks: list[bytes], grants: dict[str, Any]
) -> None:
    grants.update(own=0b1000, missing="own CPUs: 2 wished, 1 granted")
    with pytest.raises(OwnCpusTaken, match="2 wished, 1 granted"):
        stages.create_runtime(make(annotations=CPUS))
    assert len(scheduler.registered) == 1
    assert mark.read(marks[-1]).own == 0b1000


def test_nobody_asks_for_cpus_that_are_not_wished(
    make: Make, scheduler: Scheduler, marks: list[bytes], grants: dict[str, Any]
) -> None:
    stages.create_runtime(make())
    assert grants["asked"] == []
    assert scheduler.registered[0].fields & CELL_FIELD_OWN


def test_wishes_of_config_json_count_those_of_the_state_more(
    make: Make, bundle: Path, scheduler: Scheduler, marks: list[bytes]
) -> None:
    (bundle / "config.json").write_text(
        '{"annotations": {"org.ocihook/cell": "config", "org.ocihook/weight": "7",'
        ' "org.ocihook/required": "true"}}'
    )
    state = make(annotations={CELL: "state"})
    stages.create_runtime(state)
    assert (scheduler.registered[0].name, scheduler.registered[0].weight) == (b"state", 7)
    assert state.annotations["org.ocihook/required"] == "true"


def test_off_in_the_state_reads_nothing_else(make: Make, scheduler: Scheduler) -> None:
    stages.create_runtime(make(bundle="/nonexistent", annotations={CELL: "off"}))
    assert not scheduler.registered


def test_off_in_config_json(
    make: Make, bundle: Path, scheduler: Scheduler, marks: list[bytes]
) -> None:
    (bundle / "config.json").write_text('{"annotations": {"org.ocihook/cell": "off"}}')
    stages.poststart(make())
    assert not scheduler.registered
    assert not marks


def test_create_runtime_needs_a_process(make: Make, scheduler: Scheduler) -> None:
    with pytest.raises(StateError, match="state: pid: missing"):
        stages.create_runtime(make(pid=None))


def test_poststart_does_not(make: Make, scheduler: Scheduler) -> None:
    stages.poststart(make(pid=None, status="stopped"))
    assert not scheduler.registered


def test_a_process_that_has_ended(
    make: Make, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(pid: int, *, joined: bool) -> Cgroup:
        raise ProcessGone(f"pid {pid}: ended")

    monkeypatch.setattr(cgroup, "find", find)
    stages.poststart(make())
    with pytest.raises(ProcessGone, match="pid 5: ended"):
        stages.create_runtime(make())


def test_a_process_that_is_hidden(
    make: Make, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """createRuntime sees it or fails; later it may be another user's, and its cell is there."""
    hidden = ProcessHidden("pid 5: lives")

    def find(_pid: int, *, joined: bool) -> Cgroup:
        raise hidden

    monkeypatch.setattr(cgroup, "find", find)
    state = make()
    stages.poststart(state)
    assert state.notes == [hidden]
    with pytest.raises(ProcessHidden):
        stages.create_runtime(make())


def test_the_mark_is_left_for_a_scheduler_that_comes_later(
    make: Make, scheduler: Scheduler, marks: list[bytes]
) -> None:
    scheduler.failure = SchedulerUnavailable("no ocihook scheduler is loaded")
    with pytest.raises(SchedulerUnavailable):
        stages.create_runtime(make())
    assert len(marks) == 1


def test_a_mark_that_fails_does_not_cost_the_cell(
    make: Make, scheduler: Scheduler, marks: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_self: Cgroup, _mark: bytes) -> None:
        raise SystemCallError("mark", 1)

    monkeypatch.setattr(Cgroup, "mark", refuse)
    with pytest.raises(SystemCallError, match="mark: operation not permitted"):
        stages.create_runtime(make())
    assert len(scheduler.registered) == 1


def test_a_full_table(make: Make, scheduler: Scheduler, marks: list[bytes]) -> None:
    scheduler.failure = CellTableFull("every cell is taken")
    with pytest.raises(CellTableFull):
        stages.create_runtime(make())


def test_a_broken_bundle(make: Make, bundle: Path, scheduler: Scheduler) -> None:
    (bundle / "config.json").write_text("[]")
    with pytest.raises(BundleError, match=r"config\.json: not a JSON object"):
        stages.create_runtime(make())


def test_a_missing_bundle(make: Make, scheduler: Scheduler, marks: list[bytes]) -> None:
    state = make(bundle="/nonexistent", annotations={CELL: "web"})
    stages.create_runtime(state)
    assert scheduler.registered[0].name == b"web"
    assert "/nonexistent/config.json: no such file" in str(state.notes[0])


def test_an_affinity_that_is_not_used_is_told(
    make: Make, bundle: Path, scheduler: Scheduler, marks: list[bytes]
) -> None:
    document = {"process": {"execCPUAffinity": {"final": "0-x"}}}
    (bundle / "config.json").write_text(json.dumps(document))
    state = make()
    stages.create_runtime(state)
    assert len(scheduler.registered) == len(marks) == 1
    (note,) = state.notes
    assert "process.execCPUAffinity.final: " in note.args[0]


@pytest.mark.parametrize(
    ("policy", "notes"), [("SCHED_RR", 1), ("SCHED_DEADLINE", 1), ("SCHED_BATCH", 0)]
)
def test_a_real_time_policy(
    make: Make, bundle: Path, scheduler: Scheduler, marks: list[bytes], policy: str, notes: int
) -> None:
    (bundle / "config.json").write_text(json.dumps({"process": {"scheduler": {"policy": policy}}}))
    state = make(annotations={CELL: "web"})
    stages.create_runtime(state)
    assert len(scheduler.registered) == 1
    assert len(state.notes) == notes


def test_a_misspelt_wish(make: Make, scheduler: Scheduler) -> None:
    with pytest.raises(AnnotationError, match=r"annotation 'org\.ocihook/wieght': unknown"):
        stages.create_runtime(make(annotations={"org.ocihook/wieght": "5"}))
    assert not scheduler.registered


def test_poststop_releases_by_container_and_bundle(
    make: Make, scheduler: Scheduler, marks: list[bytes]
) -> None:
    stages.create_runtime(make())
    stages.poststop(make(pid=None, status="stopped", annotations={"org.ocihook/wieght": ""}))
    (release,) = scheduler.released
    assert (release.cgid, release.container) == (0, b"c1")
    assert release.bundle_hash == scheduler.registered[0].bundle_hash


def test_poststop_without_a_scheduler_has_nothing_to_do(make: Make, scheduler: Scheduler) -> None:
    scheduler.failure = SchedulerUnavailable("no ocihook scheduler is loaded")
    stages.poststop(make(pid=None))


def test_poststop_says_what_else_fails(make: Make, scheduler: Scheduler) -> None:
    scheduler.failure = SystemCallError("release", 1)
    with pytest.raises(SystemCallError, match="release: operation not permitted"):
        stages.poststop(make(pid=None))


@pytest.mark.parametrize(
    ("namespaces", "joined"),
    [
        ([], False),
        ([{"type": "cgroup"}], False),
        ([{"type": "cgroup", "path": ""}], False),
        ([{"type": "pid", "path": "/proc/7/ns/pid"}, {"type": "cgroup"}], False),
        ([{"type": "cgroup", "path": "/proc/7/ns/cgroup"}], True),
    ],
)
def test_a_namespace_with_a_path_is_another_containers(
    make: Make,
    scheduler: Scheduler,
    bundle: Path,
    monkeypatch: pytest.MonkeyPatch,
    namespaces: list[dict[str, str]],
    joined: bool,
) -> None:
    (bundle / "config.json").write_text(json.dumps({"linux": {"namespaces": namespaces}}))
    told = []

    def find(pid: int, *, joined: bool) -> Cgroup:
        told.append(joined)
        raise ProcessGone(f"pid {pid}: ended")

    monkeypatch.setattr(cgroup, "find", find)
    stages.poststart(make())
    assert told == [joined]


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({"org.ocihook/weight": "3"}, "label 'org.ocihook/weight': no annotation of that name"),
        (
            {"org.ocihook/weight": "3", "org.ocihook/cpus": "2"},
            "label 'org.ocihook/cpus' and 1 more: no annotation of that name is beside it",
        ),
        ({"org.ocihook/cell": "web", "app": "web"}, ""),
    ],
)
def test_a_label_that_should_have_been_an_annotation(
    make: Make, scheduler: Scheduler, marks: list[bytes], labels: dict[str, str], said: str
) -> None:
    """The container has its cell, by what its annotations say."""
    given = {CELL: "web", "io.kubernetes.cri-o.Labels": json.dumps(labels)}
    state = make(annotations=given)
    stages.create_runtime(state)
    assert len(scheduler.registered) == 1
    assert [note.args[0].startswith(said) for note in state.notes] == ([True] if said else [])
    again = make(annotations=given)
    stages.poststart(again)
    assert again.notes == []
