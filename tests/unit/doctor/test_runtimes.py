# SPDX-License-Identifier: Apache-2.0
"""`ocihook doctor`: runtimes are found, and asked for their version."""

import pytest
from fake_host import FakeHost

from ocihook.doctor import host as host_module
from ocihook.doctor import runtimes
from ocihook.doctor.quirks import Version


def bad(fake: FakeHost) -> list[tuple[str, str, str, str]]:
    """Return what is not right, without what every podman is known for."""
    return [each for each in fake.bad("runtimes") if each[1] != "podman"]


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        ("runc version 1.1.5+ds1\ncommit: 1.1.5+ds1-1+deb12u1\nspec: 1.0.2-dev\n", (1, 1, 5)),
        ("runc version 1.5.0-rc.1+dev\n", (1, 5, 0)),
        ("crun version 1.8.1\ncommit: f8a096b\n", (1, 8, 1)),
        ("crun version UNKNOWN\ncommit: 1.8.1-dirty\n", None),
        ("crun version UNKNOWN\ncommit: 0000\nrundir: /run/crun\nspec: 1.0.0\n+SYSTEMD\n", None),
        ("runc version unknown\nspec: 1.2.0\ngo: go1.23.2\nlibseccomp: 2.5.4\n", None),
        ("runc version \ncommit: v1.1.9-0-gccaecfc\nspec: 1.0.2-dev\n", None),
        ("runc version spec: 1.0.2\n", None),
        ("runc version commit: v1.0.3\nspec: 1.0.2\n", None),
        ("\n\ncrun version 1.21\nspec: 1.0.0\n", (1, 21, 0)),
        ("podman version 4.3.1\n", (4, 3, 1)),
        ("podman version 6.0.0-dev\n", (6, 0, 0)),
        ("crio version 1.30\n", (1, 30, 0)),
        ("Version:        1.31.2\nGitCommit: 9e2bf2\n", (1, 31, 2)),
        ("containerd github.com/containerd/containerd/v2 2.1.3 1.0\n", (2, 1, 3)),
        ("containerd containerd.io v1.7.24 88bf19b\n", (1, 7, 24)),
        ("Docker version 20.10.24+dfsg1, build 297e128\n", (20, 10, 24)),
        ("youki version: 0.7.0\n", (0, 7, 0)),
        ("no version here\n", None),
        (f"crun version 1.{'9' * 5000}\n", None),
        (f"crun version {'9' * 5000}.1\n", None),
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


def test_program_that_fails(fake: FakeHost) -> None:
    fake.program("/usr/bin/crun", "crun: libyajl.so.2: No such file", status=127)
    assert bad(fake) == [
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
    ((verdict, _, evidence, _),) = bad(fake)
    assert (verdict, evidence) == (
        "note",
        "/usr/bin/crun --version: says nothing; version unknown",
    )


def test_program_that_does_not_answer(fake: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_module, "ANSWER_TIMEOUT_S", 0.2)
    fake.write("/usr/bin/crun", "#!/bin/sh\nexec sleep 60\n")
    ((verdict, _, evidence, _),) = bad(fake)
    assert verdict == "note"
    assert evidence == "/usr/bin/crun --version: no answer within 0 s; version unknown"


def test_no_program_of_this_format(fake: FakeHost) -> None:
    fake.write("/usr/bin/crun", b"\x7fELF of another machine")
    ((verdict, _, evidence, _),) = bad(fake)
    assert (verdict, evidence) == (
        "note",
        "/usr/bin/crun --version: exec format error; version unknown",
    )


def test_no_runtime_at_all(fake: FakeHost) -> None:
    fake.path("/usr/bin/podman").unlink()
    fake.path("/usr/bin/crun").unlink()
    ((verdict, name, evidence, _),) = bad(fake)
    assert (verdict, name) == ("note", "found")
    assert evidence.startswith("none of runc, crun, youki, podman")


def test_unknown_version_has_no_quirks(fake: FakeHost) -> None:
    """As a crun says that was built outside of its repository; the 1.0.0 is the specification's."""
    fake.program("/usr/bin/crun", "crun version UNKNOWN\ncommit: 0000\nspec: 1.0.0\n+SYSTEMD")
    assert bad(fake) == [
        ("note", "crun", "/usr/bin/crun --version: crun version UNKNOWN; version unknown", "")
    ]
