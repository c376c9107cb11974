# SPDX-License-Identifier: Apache-2.0
"""Cells restored from marks. Marks need privilege and cgroup2, so they are kept beside here."""

import errno
import os
from pathlib import Path

import pytest

from ocihook import mark
from ocihook.abi import CELL_SHARED_JOIN, CELL_SHARED_JOINED, CellRequest
from ocihook.cell import CellSpec
from ocihook.cpuset import Cpuset
from ocihook.errors import CellTableFull, OcihookError
from ocihook.sched import reconcile
from ocihook.sched.reconcile import MarkedCgroup, marked_cgroups, restore_cells

WEB = CellSpec(container="c1", bundle_hash=5, name="web", weight=300, allowed=0b11)
DB = CellSpec(container="c2", bundle_hash=6, name="db", exec_allowed=0b1)

PINNED = CellSpec(container="c3", bundle_hash=7, name="pin", own_count=2, own=0b1100)
SHORT = CellSpec(container="c4", bundle_hash=8, name="few", own_count=2, own=0b1)

Marks = dict[str, bytes | int]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "d").mkdir()
    return tmp_path


@pytest.fixture
def marks(monkeypatch: pytest.MonkeyPatch) -> Marks:
    """The marks by directory; a number is the errno of the attempt to read one."""
    kept: Marks = {}

    def getxattr(path: str, attribute: str) -> bytes:
        assert attribute == "trusted.ocihook.cell"
        value = kept.get(path, errno.ENODATA)
        if isinstance(value, int):
            raise OSError(value, os.strerror(value), path)
        return value

    monkeypatch.setattr(os, "getxattr", getxattr)
    return kept


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> list[CellRequest]:
    requests: list[CellRequest] = []

    def register(request: CellRequest) -> tuple[int, int]:
        requests.append(request)
        return len(requests), 1

    monkeypatch.setattr(reconcile, "register", register)
    return requests


def found_below(tree: Path) -> list[tuple[str, bytes, str]]:
    return [(each.directory, each.mark, each.fault) for each in marked_cgroups(str(tree))]


def marked(*pairs: tuple[Path, CellSpec]) -> list[MarkedCgroup]:
    return [MarkedCgroup(str(path), str(path), mark.write(spec)) for path, spec in pairs]


def test_marked_cgroups(tree: Path, marks: Marks) -> None:
    marks[str(tree)] = b"root"
    marks[str(tree / "a" / "b")] = b"nested"
    assert sorted(found_below(tree)) == [
        (str(tree), b"root", ""),
        (str(tree / "a" / "b"), b"nested", ""),
    ]


@pytest.mark.parametrize("number", [errno.ENODATA, errno.ENOENT, errno.ENODEV])
def test_cgroup_that_is_unmarked_or_ends_meanwhile(tree: Path, marks: Marks, number: int) -> None:
    marks[str(tree / "a")] = number
    marks[str(tree / "d")] = b"mark"
    assert found_below(tree) == [(str(tree / "d"), b"mark", "")]


def test_a_mark_that_may_not_be_read_does_not_end_the_walk(
    tree: Path, marks: Marks, registered: list[CellRequest]
) -> None:
    marks[str(tree / "a")] = errno.EPERM
    marks[str(tree / "a" / "b")] = mark.write(DB)
    marks[str(tree / "d")] = mark.write(WEB)
    assert restore_cells(str(tree)) == (2, [f"{tree}/a: operation not permitted"])
    assert {request.container for request in registered} == {b"c1", b"c2"}


def test_no_cgroupfs(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(marked_cgroups(str(tmp_path / "gone")))


def test_restore(tree: Path, marks: Marks, registered: list[CellRequest]) -> None:
    marks[str(tree / "a")] = mark.write(WEB)
    marks[str(tree / "a" / "b")] = mark.write(DB)
    assert restore_cells(str(tree)) == (2, [])
    wanted = [
        WEB.request((tree / "a").stat().st_ino),
        DB.request((tree / "a" / "b").stat().st_ino),
    ]
    assert [request.pack() for request in registered] == [request.pack() for request in wanted]


def test_a_cgroup_resized_since_goes_before_its_mark(
    tree: Path, marks: Marks, registered: list[CellRequest]
) -> None:
    """As podman update leaves it; a weight that was named stays."""
    for name in ("a", "d"):
        (tree / name / "cpu.weight").write_text("157\n")
        (tree / name / "cpu.max").write_text("150000 100000\n")
    fixed = CellSpec(container="c2", bundle_hash=6, name="db", weight=20, fixed_weight=True)
    marks[str(tree / "a")] = mark.write(WEB)
    marks[str(tree / "d")] = mark.write(fixed)
    assert restore_cells(str(tree)) == (2, [])
    found = {request.container: (request.weight, request.quota_ns) for request in registered}
    assert found == {b"c1": (157, 150_000_000), b"c2": (20, 150_000_000)}


def test_files_of_one_do_not_change_a_cell_that_several_share(
    tree: Path, marks: Marks, registered: list[CellRequest]
) -> None:
    """Of several in one scope; who is alone in his has followed his own files all the time."""
    for name, scope in (("a", 1), ("d", 1), ("a/b", 2)):
        (tree / name / "cpu.weight").write_text("157\n")
        spec = CellSpec(
            container=name[-1], bundle_hash=1, name="web", shared=True, scope=scope, weight=20
        )
        marks[str(tree / name)] = mark.write(spec)
    assert restore_cells(str(tree)) == (3, [])
    found = {request.container: (request.weight, request.scope) for request in registered}
    assert found == {b"a": (20, 1), b"d": (20, 1), b"b": (157, 2)}


def test_marks_that_share_a_cell_come_in_the_order_of_their_cgroups(
    tree: Path, marks: Marks, registered: list[CellRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left while no scheduler ran: the first one makes the cell, and no other changes it."""
    joined: list[CellRequest] = []

    def register(request: CellRequest) -> tuple[int, int]:
        assert request.shared == CELL_SHARED_JOIN
        if joined:
            request.shared = CELL_SHARED_JOINED
        joined.append(request)
        return 5, 1

    monkeypatch.setattr(reconcile, "register", register)
    granted: list[str] = []
    monkeypatch.setattr(reconcile, "grant", lambda spec, *_: granted.append(spec.container) or "")
    names = ("a", "d", "a/b")
    for name in names:
        spec = CellSpec(container=name, bundle_hash=1, name="web", shared=True, own_count=1)
        marks[str(tree / name)] = mark.write(spec)
    assert restore_cells(str(tree)) == (3, [])
    assert [request.cgid for request in joined] == sorted((tree / n).stat().st_ino for n in names)
    assert [name.encode() for name in granted] == [joined[0].container]


def test_own_cpus_are_chosen_among_those_that_the_cgroup_may_use_now(
    tree: Path,
    marks: Marks,
    registered: list[CellRequest],
    granted: list[tuple[bytes, int, int, int]],
) -> None:
    (tree / "a" / "cpuset.cpus.effective").write_text("1\n")
    marks[str(tree / "a" / "b")] = mark.write(SHORT)
    restore_cells(str(tree))
    text = marks[str(tree / "a" / "b")]
    assert isinstance(text, bytes)
    assert mark.read(text).own == 0b10


def test_nothing_to_restore(tree: Path, marks: Marks, registered: list[CellRequest]) -> None:
    assert restore_cells(str(tree)) == (0, [])
    assert registered == []


def test_broken_mark_is_named_and_the_others_restored(
    tree: Path, marks: Marks, registered: list[CellRequest]
) -> None:
    marks[str(tree / "a")] = b"[]"
    marks[str(tree / "a" / "b")] = mark.write(DB)
    restored, failures = restore_cells(str(tree))
    assert (restored, failures) == (1, [f"{tree}/a: cell mark: not a JSON object"])
    assert [request.container for request in registered] == [b"c2"]


def test_refused_registration_is_named(
    tree: Path, marks: Marks, monkeypatch: pytest.MonkeyPatch
) -> None:
    failure: OcihookError = CellTableFull("every cell is taken", "see: ocihook cells")

    def refuse(_request: CellRequest) -> tuple[int, int]:
        raise failure

    monkeypatch.setattr(reconcile, "register", refuse)
    marks[str(tree / "a")] = mark.write(WEB)
    marks[str(tree / "d")] = mark.write(DB)
    restored, failures = restore_cells(str(tree))
    assert restored == 0
    assert sorted(failures) == [
        f"{tree}/a: every cell is taken (see: ocihook cells)",
        f"{tree}/d: every cell is taken (see: ocihook cells)",
    ]


def test_cgroup_that_ends_after_its_mark_was_read(
    tree: Path,
    marks: Marks,
    registered: list[CellRequest],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = marked((tree / "ended", WEB), (tree / "d", DB))
    monkeypatch.setattr(reconcile, "marked_cgroups", lambda _cgroupfs: iter(found))
    assert restore_cells(str(tree)) == (1, [])
    assert [request.container for request in registered] == [b"c2"]


@pytest.fixture
def granted(monkeypatch: pytest.MonkeyPatch, marks: Marks) -> list[tuple[bytes, int, int, int]]:
    """Whom own CPUs were asked for: a mark, cgroup, slot, and of which. Everybody gets 0 and 1."""
    asked: list[tuple[bytes, int, int, int]] = []

    def grant(spec: CellSpec, cgid: int, slot: int, cpus: Cpuset, given_out: int) -> str:
        asked.append((mark.write(spec), cgid, slot, given_out))
        if spec.own == 0b1100:
            return ""
        spec.own = 0b11 if cpus.effective is None else cpus.effective
        return "" if spec.container != "c4" else "own CPUs: too few"

    def setxattr(path: str, attribute: str, value: bytes) -> None:
        assert attribute == "trusted.ocihook.cell"
        marks[path] = value

    monkeypatch.setattr(reconcile, "grant", grant)
    monkeypatch.setattr(os, "setxattr", setxattr)
    return asked


def test_own_cpus_come_last_and_first_to_who_can_have_the_same(
    tree: Path,
    marks: Marks,
    registered: list[CellRequest],
    granted: list[tuple[bytes, int, int, int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = marked((tree / "a", SHORT), (tree / "a" / "b", PINNED), (tree / "d", DB))
    monkeypatch.setattr(reconcile, "marked_cgroups", lambda _cgroupfs: iter(texts))
    assert restore_cells(str(tree)) == (3, [f"{tree}/a: own CPUs: too few"])
    assert [request.container for request in registered] == [b"c4", b"c3", b"c2"]
    assert granted == [
        (mark.write(PINNED), (tree / "a" / "b").stat().st_ino, 2, 0),
        (mark.write(SHORT), (tree / "a").stat().st_ino, 1, 0),
    ]
    # What was chosen anew is marked, what is the same is not written again.
    assert set(marks) == {str(tree / "a")}
    text = marks[str(tree / "a")]
    assert isinstance(text, bytes)
    assert mark.read(text).own == 0b11


def test_what_was_granted_is_granted_again_whatever_may_be_given_out_now(
    tree: Path,
    registered: list[CellRequest],
    granted: list[tuple[bytes, int, int, int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = marked((tree / "a", SHORT), (tree / "d", PINNED))
    monkeypatch.setattr(reconcile, "marked_cgroups", lambda _cgroupfs: iter(texts))
    restore_cells(str(tree), given_out=0b11)
    assert [given_out for *_, given_out in granted] == [0b1111, 0b11 | SHORT.own]


def test_own_cpus_that_cannot_be_asked_for(
    tree: Path, marks: Marks, registered: list[CellRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    def grant(_spec: CellSpec, _cgid: int, _slot: int, _cpus: Cpuset, _given_out: int) -> str:
        raise CellTableFull("so it is")

    monkeypatch.setattr(reconcile, "grant", grant)
    marks[str(tree / "a")] = mark.write(PINNED)
    assert restore_cells(str(tree)) == (1, [f"{tree}/a: so it is"])
