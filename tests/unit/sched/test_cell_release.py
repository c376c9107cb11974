# SPDX-License-Identifier: Apache-2.0
"""``cells release``: which cgroups leave their cell, and what becomes of their marks."""

import errno
import json
import os
from collections.abc import Callable
from typing import Any

import pytest

from ocihook import schema
from ocihook.abi import CellRelease
from ocihook.errors import CgroupError, InputError
from ocihook.sched import cell_release
from ocihook.sched.cell_release import release_cell

Run = Callable[..., Any]


def home(container: str, cgid: int, **more: Any) -> dict[str, Any]:
    return {"container": container, "cgid": cgid, "cgroup": f"/{container}", **more}


def row(slot: int, name: str, state: str = "live", **more: Any) -> dict[str, Any]:
    return {"cell": slot, "name": name, "state": state, "members": [], **home("", 0), **more}


ROWS = [
    row(0, "host", cgid=1),
    row(3, "web", **home("abc1", 77)),
    row(4, "old", "draining", **home("old1", 78)),
    row(5, "pool", members=[home("one", 80), home("two", 81), home("three", 82, cgroup=None)]),
    row(8, "left"),
]


class World:
    """What the scheduler is asked to release, and the marks that are there."""

    def __init__(self) -> None:
        self.did: list[str] = []
        self.answer = 1
        self.marked = {"/cg/abc1", "/cg/one"}
        self.refusal = errno.ENODATA

    def unregister(self, release: CellRelease) -> int:
        assert release.container == b""
        self.did.append(f"release {release.cgid}")
        return self.answer

    def removexattr(self, path: str, attribute: str) -> None:
        assert attribute == "trusted.ocihook.cell"
        if path not in self.marked:
            raise OSError(self.refusal, os.strerror(self.refusal), path)
        self.did.append(f"unmark {path}")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    fake = World()
    monkeypatch.setattr(cell_release, "list_cells", lambda _cgroupfs: ROWS)
    monkeypatch.setattr(cell_release.pinned, "unregister", fake.unregister)
    monkeypatch.setattr(os, "removexattr", fake.removexattr)
    return fake


@pytest.mark.parametrize("which", ["3", "web", "abc1", "ab"])
def test_the_mark_goes_before_the_cell(world: World, which: str) -> None:
    done = release_cell(which, "/cg")
    assert (done.cell, done.left, done.warnings) == (3, 0, ())
    assert world.did == ["unmark /cg/abc1", "release 77"]


@pytest.mark.parametrize("which", ["5", "pool"])
def test_a_shared_cell_by_its_name_is_all_of_it(world: World, which: str) -> None:
    done = release_cell(which, "/cg")
    assert [each["container"] for each in done.released] == ["one", "two", "three"]
    assert done.left == 0
    assert world.did == ["unmark /cg/one", "release 80", "release 81", "release 82"]
    assert done.warnings == ("cgroup 82: not to be seen from here, its mark stays",)


@pytest.mark.parametrize("which", ["one", "on"])
def test_one_container_leaves_a_shared_cell(world: World, which: str) -> None:
    done = release_cell(which, "/cg")
    assert [each["container"] for each in done.released] == ["one"]
    assert (done.cell, done.left) == (5, 2)
    assert world.did == ["unmark /cg/one", "release 80"]


@pytest.mark.parametrize(
    ("which", "kind", "message"),
    [
        ("0", InputError, "cell 0: is the host's, and cannot be released"),
        ("host", InputError, "cell 0: is the host's"),
        ("9", InputError, "'9': there is none"),
        ("old", InputError, "'old': there is none"),
        ("t", InputError, "container 't': could be any of two, three"),
        ("left", CgroupError, "cell 8: no cgroup is in it any more"),
    ],
)
def test_what_cannot_be_released(
    world: World, which: str, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        release_cell(which, "/cg")
    assert world.did == []


def test_a_cell_that_ended_meanwhile(world: World) -> None:
    world.answer = 0
    with pytest.raises(CgroupError, match="cell 3: it has ended meanwhile"):
        release_cell("web", "/cg")


def test_a_mark_that_cannot_be_removed_is_said(world: World) -> None:
    world.marked.clear()
    world.refusal = errno.EPERM
    assert release_cell("web", "/cg").warnings == ("/cg/abc1: mark: operation not permitted",)
    assert world.did == ["release 77"]


def test_text_and_json(run: Run, world: World) -> None:
    outcome = run("cells", "release", "one")
    assert outcome == (0, "cell 5: one released, 2 left in it\n", "")
    outcome = run("cells", "release", "web", "--json")
    document = json.loads(outcome.stdout)
    assert schema.findings("cell-release", document) == []
    assert (document["cell"], document["released"][0]["cgid"]) == (3, 77)
