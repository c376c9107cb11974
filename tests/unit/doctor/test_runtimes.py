# SPDX-License-Identifier: Apache-2.0
"""`ocihook doctor`: runtimes are found, asked, and what their versions are known for is said."""

from pathlib import Path

import pytest
from fake_host import FakeHost

from ocihook.doctor import host as host_module
from ocihook.doctor import quirks, runtimes
from ocihook.doctor.quirks import Version, known


@pytest.fixture
def fake(tmp_path: Path) -> FakeHost:
    return FakeHost(tmp_path)


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        ("runc version 1.1.5+ds1\ncommit: 1.1.5+ds1-1+deb12u1\nspec: 1.0.2-dev\n", (1, 1, 5)),
        ("runc version 1.5.0-rc.1+dev\n", (1, 5, 0)),
        ("crun version 1.8.1\ncommit: f8a096b\n", (1, 8, 1)),
        ("crun version UNKNOWN\ncommit: 1.8.1-dirty\n", (1, 8, 1)),
        ("podman version 4.3.1\n", (4, 3, 1)),
        ("podman version 6.0.0-dev\n", (6, 0, 0)),
        ("crio version 1.30\n", (1, 30, 0)),
        ("Version:        1.31.2\nGitCommit: 9e2bf2\n", (1, 31, 2)),
        ("containerd github.com/containerd/containerd/v2 2.1.3 1.0\n", (2, 1, 3)),
        ("containerd containerd.io v1.7.24 88bf19b\n", (1, 7, 24)),
        ("Docker version 20.10.24+dfsg1, build 297e128\n", (20, 10, 24)),
        ("youki version: 0.7.0\n", (0, 7, 0)),
        ("no version here\n", None),
        ("", None),
    ],
)
def test_version_of_an_answer(answer: str, version: Version | None) -> None:
    assert runtimes.version_in(answer) == version


def test_programs_are_found_once(fake: FakeHost) -> None:
    """On PATH and in the usual places; the same file behind a link is one."""
    fake.program("/usr/libexec/crio/runc", "runc version 1.5.2")
    fake.link("/usr/local/bin/crun", str(fake.path("/usr/bin/crun")))
    fake.write("/usr/sbin/youki", "not executable")
    found = runtimes.find(fake.host)
    assert [(each.path, each.version) for each in found] == [
        ("/usr/libexec/crio/runc", (1, 5, 2)),
        ("/usr/bin/crun", (1, 26, 0)),
        ("/usr/bin/podman", (5, 8, 1)),
    ]


def test_old_runc_and_crun(fake: FakeHost) -> None:
    fake.program("/usr/sbin/runc", "runc version 1.1.5+ds1")
    fake.program("/usr/bin/crun", "crun version 1.8.1")
    said = [evidence for _, _, evidence, _ in fake.bad("runtimes")]
    for part in (
        "/usr/sbin/runc: runs poststart in `create`",
        "/usr/sbin/runc: turns cpu.shares",
        "/usr/bin/crun: fails a container whose hook leaves its input unread",
        "(containers/crun #1551)",
    ):
        assert any(part in evidence for evidence in said), part


def test_crun_that_names_a_wrong_bundle(fake: FakeHost) -> None:
    fake.program("/usr/bin/crun", "crun version 1.28")
    ((verdict, name, evidence, mend),) = fake.bad("runtimes")
    assert (verdict, name, mend) == ("warning", "crun", "upgrade beyond 1.29.1")
    assert "#2025" in evidence


@pytest.mark.parametrize(
    ("program", "version", "count"),
    [
        ("runc", (1, 5, 1), 1), ("runc", (1, 5, 2), 0), ("runc", (1, 3, 0), 3),
        ("crun", (1, 16, 9), 2), ("crun", (1, 17, 0), 1), ("crun", (1, 26, 0), 0),
        ("crun", (1, 27, 0), 1), ("crun", (1, 29, 1), 1), ("crun", (1, 30, 0), 0),
        ("podman", (5, 5, 2), 1), ("podman", (5, 6, 0), 0),
        ("crio", (9, 9, 9), 1), ("youki", (0, 7, 0), 0),
    ],
)  # fmt: skip
def test_bounds_of_quirks(program: str, version: Version, count: int) -> None:
    assert len(known(program, version)) == count


def test_quirks_are_about_programs_that_are_looked_for() -> None:
    assert {quirk.program for quirk in quirks.QUIRKS} <= set(runtimes.PROGRAMS)
    for quirk in quirks.QUIRKS:
        assert quirk.fixed is None or quirk.since < quirk.fixed
        assert quirk.mend or not quirk.harm


def test_program_that_fails(fake: FakeHost) -> None:
    fake.program("/usr/bin/crun", "crun: libyajl.so.2: No such file", status=127)
    assert fake.bad("runtimes") == [
        (
            "note",
            "crun",
            "/usr/bin/crun --version: exit status 127: crun: libyajl.so.2: No such file;"
            " version unknown",
            "",
        )
    ]


def test_program_that_says_nothing(fake: FakeHost) -> None:
    fake.program("/usr/bin/crun", "")
    ((verdict, _, evidence, _),) = fake.bad("runtimes")
    assert (verdict, evidence) == (
        "note",
        "/usr/bin/crun --version: says nothing; version unknown",
    )


def test_program_that_does_not_answer(fake: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_module, "ANSWER_TIMEOUT_S", 0.2)
    fake.write("/usr/bin/crun", "#!/bin/sh\nexec sleep 60\n")
    ((verdict, _, evidence, _),) = fake.bad("runtimes")
    assert verdict == "note"
    assert evidence == "/usr/bin/crun --version: no answer within 0 s; version unknown"


def test_no_program_of_this_format(fake: FakeHost) -> None:
    fake.write("/usr/bin/crun", b"\x7fELF of another machine")
    ((verdict, _, evidence, _),) = fake.bad("runtimes")
    assert (verdict, evidence) == (
        "note",
        "/usr/bin/crun --version: exec format error; version unknown",
    )


def test_no_runtime_at_all(fake: FakeHost) -> None:
    fake.path("/usr/bin/podman").unlink()
    fake.path("/usr/bin/crun").unlink()
    ((verdict, name, evidence, _),) = fake.bad("runtimes")
    assert (verdict, name) == ("note", "found")
    assert evidence.startswith("none of runc, crun, youki, podman")
