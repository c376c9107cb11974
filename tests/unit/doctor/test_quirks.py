# SPDX-License-Identifier: Apache-2.0
"""`ocihook doctor`: what versions of runtimes are known for."""

import pytest
from fake_host import FakeHost

from ocihook.doctor import quirks, runtimes
from ocihook.doctor.quirks import Version, known


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
    ((verdict, name, evidence, mend), podman) = fake.bad("runtimes")
    assert (verdict, name, mend) == ("warning", "crun", "upgrade beyond 1.29.1")
    assert "#2025" in evidence
    assert podman == (
        "note",
        "podman",
        "/usr/bin/podman: copies no annotations in `container clone`, and writes ones in"
        " `kube generate` that its own `kube play` refuses",
        "see docs/howto-podman.md: what podman does by itself",
    )


@pytest.mark.parametrize(
    ("program", "version", "count"),
    [
        ("runc", (1, 5, 1), 2), ("runc", (1, 5, 2), 1), ("runc", (1, 3, 0), 4),
        ("runc", (1, 1, 15), 4),
        ("crun", (1, 16, 9), 2), ("crun", (1, 17, 0), 1), ("crun", (1, 26, 0), 0),
        ("crun", (1, 27, 0), 1), ("crun", (1, 29, 1), 1), ("crun", (1, 30, 0), 0),
        ("podman", (5, 5, 2), 2), ("podman", (5, 6, 0), 1), ("podman", (3, 4, 0), 1),
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
