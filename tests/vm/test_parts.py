# SPDX-License-Identifier: Apache-2.0
"""The rig's parts that need no guest."""

from __future__ import annotations

import io
import tarfile
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from . import cache, kernels, mirror, parcel
from . import run as rig
from .errors import GuestTimeout, HungGuest, LostGuest, RigError, Unavailable, Usage
from .guest_run import HANG_LINES, Outcome, session_problems
from .retry import once_more_if_hung
from .run import HANG
from .watch import Watch
from .wheel import installed_files

NAMES = [
    "linux-image-6.18.9+deb13-cloud-amd64",
    "linux-image-6.18.15+deb13-cloud-amd64",
    "linux-image-6.18.15+deb13-cloud-amd64-dbg",
    "linux-image-6.12.107+deb13-cloud-amd64-unsigned",
    "linux-image-7.1.13+deb13-cloud-amd64",
    "linux-binary-7.1.13+deb13-cloud-amd64",
    "linux-binary-unsigned-7.2.12+deb13-cloud-amd64",
]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("6.18", "linux-image-6.18.15+deb13-cloud-amd64"),
        ("6.18.9", "linux-image-6.18.9+deb13-cloud-amd64"),
        ("6.18.15+deb13", "linux-image-6.18.15+deb13-cloud-amd64"),
        ("7.1", "linux-binary-7.1.13+deb13-cloud-amd64"),  # linux-image is empty from 6.19 on
        ("7.1+deb13", "linux-binary-7.1.13+deb13-cloud-amd64"),
        ("7.1+deb14", None),
        ("6.1", None),
        ("6.12", None),
        ("7.2", None),
    ],
)
def test_newest_kernel_of_a_version(asked: str, found: str | None) -> None:
    assert kernels.newest(asked, NAMES) == found


def test_kernel_name_must_be_a_version() -> None:
    with pytest.raises(Unavailable, match="not a version"):
        kernels.find("../../etc")


def test_init_must_be_a_known_one() -> None:
    with pytest.raises(Usage, match="init upstart: unknown; say plain or systemd"):
        rig.run(rig.Request(command=("true",), init="upstart"), io.BytesIO())


def test_mirror_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCIHOOK_DEBIAN_MIRROR", "http://mirror.example/debian/")
    mirror.find.cache_clear()
    try:
        line = mirror.find().line("deb", "trixie")
    finally:
        mirror.find.cache_clear()
    assert line.startswith("deb [signed-by=")
    assert line.endswith("] http://mirror.example/debian trixie main")


def test_cache_keeps_what_was_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made = []

    def fill(directory: Path) -> None:
        made.append(directory)
        (directory / "file").write_text("made")

    first = cache.entry("thing", "recipe", fill=fill)
    assert cache.entry("thing", "recipe", fill=fill) == first
    assert cache.entry("thing", "another recipe", fill=fill) != first
    assert (first / "file").read_text() == "made"
    assert len(made) == 2


def test_cache_keeps_nothing_that_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def fail(directory: Path) -> None:
        (directory / "half").write_text("half")
        raise RigError("no")

    with pytest.raises(RigError, match="no"):
        cache.entry("thing", "recipe", fill=fail)
    assert list((tmp_path / "ocihook" / "thing").iterdir()) == []


def test_cache_makes_once_for_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made = []

    def fill(directory: Path) -> None:
        made.append(directory)
        time.sleep(0.2)

    def ask(_: int) -> Path:
        return cache.entry("thing", "recipe", fill=fill)

    with ThreadPoolExecutor(4) as threads:
        entries = set(threads.map(ask, range(4)))
    assert (len(entries), len(made)) == (1, 1)


def test_wheel_files_go_where_an_installer_puts_them(tmp_path: Path) -> None:
    wheel = tmp_path / "p-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("p/__init__.py", "")
        archive.writestr("p-1.data/scripts/p-hook", "#!python -IS\nimport p\n")
        archive.writestr("p-1.data/data/share/p/file", "data")
        archive.writestr(
            "p-1.dist-info/entry_points.txt", "[console_scripts]\np = p.cli:app.main\n"
        )
    files = {file.path: file for file in installed_files(wheel, "/usr/lib/python")}
    assert "usr/lib/python/p/__init__.py" in files
    assert files["usr/local/share/p/file"].content == b"data"
    assert files["usr/local/bin/p-hook"].content.startswith(b"#!/usr/bin/python3 -IS\n")
    assert files["usr/local/bin/p"].mode == 0o755
    assert b"from p.cli import app\nsys.exit(app.main())" in files["usr/local/bin/p"].content


def handed_back(path: Path, **content: str) -> Path:
    """Write what a guest hands back; the keywords are member names with __ for a slash."""
    with tarfile.open(path, "w") as tar:
        for name, text in content.items():
            member = tarfile.TarInfo(name.replace("__", "/"))
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return path


def test_nothing_handed_back_is_no_status(tmp_path: Path) -> None:
    parcel.empty(tmp_path / "out.tar")
    assert parcel.unpack(tmp_path / "out.tar", tmp_path) is None


def test_out_cut_off_is_an_error(tmp_path: Path) -> None:
    tar = handed_back(tmp_path / "out.tar", rig__status="0\n", out__file="x")
    with pytest.raises(RigError, match="did not come back whole"):
        parcel.unpack(tar, tmp_path / "out")


def test_out_stays_in_its_directory(tmp_path: Path) -> None:
    content = {"rig__status": "0\n", "out__..__..__evil": "x", "rig__end": ""}
    tar = handed_back(tmp_path / "out.tar", **content)
    with pytest.raises(RigError, match="leads out"):
        parcel.unpack(tar, tmp_path / "out")
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize(("console", "tries"), [("Oops: int3: 0000 [#1]", 2), ("Oops: 0000", 1)])
def test_only_a_fault_of_qemu_is_tried_again(
    console: str, tries: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    starts = []

    def lose(*_: object) -> int:
        starts.append(1)
        raise LostGuest("lost", console=console)

    monkeypatch.setattr(rig, "start", lose)
    with pytest.raises(LostGuest):
        rig.run(rig.Request(command=("true",)), io.BytesIO())
    assert len(starts) == tries
    assert ("once more" in capsys.readouterr().err) == (tries == 2)


@pytest.mark.parametrize(
    ("ends", "status"),
    [
        ([0], 0),
        ([1], 1),
        ([HungGuest.status, 0], 0),
        ([HungGuest.status, 1], 1),
        ([HungGuest.status, HungGuest.status], HungGuest.status),
        ([GuestTimeout.status], GuestTimeout.status),
        ([LostGuest.status], LostGuest.status),
    ],
)
def test_only_a_hung_session_is_run_once_more(
    ends: list[int], status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    left = list(ends)

    def session() -> Outcome:
        return Outcome(left.pop(0), 1.0, Path("/none"))

    assert once_more_if_hung("the session", session).status == status
    assert left == []
    said = "the session: a test hung, see above; once more from the start"
    assert (said in capsys.readouterr().err) == (len(ends) == 2)


def test_watch_has_the_last_announcement(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    watch = Watch()
    assert not watch.is_over()
    watch.feed(b"10 the fi")
    assert watch.name == ""
    watch.feed(b"rst\n5.5 tests/guest/test_x.py::test_x[a b]\nnonsense\n\xff 1\n")
    assert (watch.name, watch.until_s) == ("tests/guest/test_x.py::test_x[a b]", 105.5)
    assert not watch.is_over()
    now_s = 105.5
    assert watch.is_over()
    watch.feed(b"0 -\n")
    assert not watch.is_over()


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("", "no test was run"),
        ('<testcase classname="c" name="n"><skipped message="why"/></testcase>', "skipped"),
        ('<testcase classname="c" name="n"><failure message="m&#10;x"/></testcase>', "c::n: m"),
        ('<testcase classname="c" name="n"><error message="m"/></testcase>', "c::n: m"),
    ],
)
def test_bad_guest_sessions_are_seen(body: str, problem: str, tmp_path: Path) -> None:
    junit = tmp_path / "junit.xml"
    junit.write_text(f"<testsuites><testsuite>{body}</testsuite></testsuites>")
    (found,) = session_problems(junit)
    assert problem in found


def test_good_guest_session_has_no_problems(tmp_path: Path) -> None:
    junit = tmp_path / "junit.xml"
    junit.write_text('<testsuites><testsuite><testcase name="n"/></testsuite></testsuites>')
    assert session_problems(junit) == []
    assert session_problems(tmp_path / "none.xml") == ["the session wrote no results"]


def test_a_failed_session_says_what_hung(tmp_path: Path) -> None:
    (tmp_path / HANG).write_text(
        "guest: tests/test_x.py::test_y hangs; the kernel says:\n" + 500 * "x\n"
    )
    none, first, *more = Outcome(HungGuest.status, 1.0, tmp_path).problems()
    assert none == "the session wrote no results"
    assert first == "guest: tests/test_x.py::test_y hangs; the kernel says:"
    assert len(more) == HANG_LINES - 1
