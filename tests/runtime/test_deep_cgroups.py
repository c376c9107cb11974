# SPDX-License-Identifier: Apache-2.0
"""The kernel's own cgroups, 2,000 levels deep, as any user makes them below a session's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from runtimes import cgroup2

from ocihook.sched.cgroup_walk import walk

# Skips for this reason are allowed in continuous integration: tests/conftest.py.
pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not cgroup2(), reason="needs root and cgroup2")

LEVELS = 2_000
NAME = "abc"


@pytest.fixture
def top() -> Iterator[Path]:
    hierarchy = cgroup2()
    assert hierarchy
    top = hierarchy / f"ocihook-deep-{os.getpid()}"
    top.mkdir()
    yield top
    top.rmdir()


def test_a_deep_tree_is_walked(top: Path) -> None:
    fd = os.open(top, os.O_RDONLY)
    made = 0
    try:
        for _ in range(LEVELS):
            os.mkdir(NAME, dir_fd=fd)
            made += 1
            fd = exchanged(fd, NAME)
        found = list(walk(str(top)))
        assert [each.fault for each in found] == [None] * (LEVELS + 1)
        assert len(found[-1].directory) > LEVELS * len(NAME)
    finally:
        for _ in range(made):
            fd = exchanged(fd, "..")
            os.rmdir(NAME, dir_fd=fd)
        os.close(fd)


def exchanged(fd: int, name: str) -> int:
    found = os.open(name, os.O_RDONLY, dir_fd=fd)
    os.close(fd)
    return found


def test_cgroups_that_end_under_the_walk(top: Path) -> None:
    """All on the way up from where it stands: each still has its parent."""
    (top / "a/b/c").mkdir(parents=True)
    (top / "d").mkdir()
    found = []
    for each in walk(str(top)):
        found.append(each.directory[len(str(top)) :])
        if found[-1] == "/a/b/c":
            for name in ("a/b/c", "a/b", "a"):
                (top / name).rmdir()
    (top / "d").rmdir()
    assert sorted(found) == ["", "/a", "/a/b", "/a/b/c", "/d"]
