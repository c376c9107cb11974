# SPDX-License-Identifier: Apache-2.0
"""A tree of any depth, on directories of our own."""

import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocihook.sched import cgroup_walk
from ocihook.sched.cells import count_tasks
from ocihook.sched.cgroup_walk import walk

LEVELS = 2_000
NAME = "abc"
"""So many names of three letters are a path of 8,000 bytes."""


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    """A tree of 2,000 levels with a thread in each, beside a small one."""
    top = tmp_path / "top"
    (top / "small" / "below").mkdir(parents=True)
    fd = os.open(top, os.O_RDONLY)
    for _ in range(LEVELS):
        os.mkdir(NAME, dir_fd=fd)
        below = os.open(NAME, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
        threads = os.open("cgroup.threads", os.O_WRONLY | os.O_CREAT, dir_fd=fd)
        os.write(threads, b"1\n")
        os.close(threads)
    os.close(fd)
    yield top
    remove_levels(top)


def remove_levels(top: Path) -> None:
    """Take the deep tree apart; rmtree would recurse."""
    here = top / NAME
    while here.exists():
        beside = top / "beside"
        if (here / NAME).exists():
            (here / NAME).rename(beside)
        shutil.rmtree(here)
        if beside.exists():
            beside.rename(here)


def names(top: Path, *pruned: int) -> list[str]:
    return [each.directory[len(str(top)) :] for each in walk(str(top), pruned)]


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_each_comes_before_what_lies_below_it(tmp_path: Path) -> None:
    for name in ("a/b/c", "a/d", "e"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("a")
    found = names(tmp_path)
    assert sorted(found) == ["", "/a", "/a/b", "/a/b/c", "/a/d", "/e"]
    assert [found.index(name) for name in ("", "/a", "/a/b", "/a/b/c")] == sorted(
        found.index(name) for name in ("", "/a", "/a/b", "/a/b/c")
    )


def test_what_is_pruned_is_left_out_with_all_below_it(tmp_path: Path) -> None:
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    inodes = [each.stat().st_ino for each in (tmp_path, tmp_path / "a" / "b")]
    assert names(tmp_path, *inodes) == ["", "/a"]


def test_two_thousand_levels(deep: Path) -> None:
    before = open_files()
    visited = 0
    for each in walk(str(deep)):
        assert each.fault is None
        assert os.stat(each.at).st_ino == os.fstat(each.fd).st_ino
        visited += 1
    assert visited == LEVELS + 3
    assert open_files() == before
    assert count_tasks(str(deep), frozenset()) == LEVELS


def test_a_path_that_the_kernel_takes_is_the_way(deep: Path) -> None:
    ways = {each.directory: each.at for each in walk(str(deep))}
    assert ways[f"{deep}/small/below"] == f"{deep}/small/below"
    longest = max(ways, key=len)
    assert len(longest) > LEVELS * len(NAME)
    assert ways[longest].startswith("/proc/self/fd/")


def test_the_end_of_what_is_looked_at(deep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroup_walk, "MAX_LEVELS", 10)
    found = list(walk(str(deep)))
    (fault,) = [each.fault for each in found if each.fault]
    assert "more than 10 levels deep" in str(fault)
    assert f"{deep}/small/below" in [each.directory for each in found]
    assert len(found) == 10 + 3 + 1


def test_what_vanishes_meanwhile(deep: Path) -> None:
    """The directory that the walk stands in, and the two above it."""
    (deep / "small" / "below" / "deepest").mkdir()
    found = []
    for each in walk(str(deep)):
        found.append(each.directory)
        if each.directory.endswith("/deepest"):
            shutil.rmtree(deep / "small")
    assert len(found) == LEVELS + 4


def test_a_directory_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "bad", "c"):
        (tmp_path / name / "below").mkdir(parents=True)
    real = os.open

    def opened(path: str, *arguments: int, **options: int) -> int:
        if path == "bad":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(path, *arguments, **options)

    monkeypatch.setattr(os, "open", opened)
    found = list(walk(str(tmp_path)))
    (fault,) = [each for each in found if each.fault]
    assert (fault.directory, fault.fd) == (f"{tmp_path}/bad", -1)
    assert len(found) == 6


def test_a_walk_that_is_given_up_closes_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    before = open_files()
    going = walk(str(tmp_path))
    next(going)
    next(going)
    going.close()  # type: ignore[attr-defined]  # of a generator
    assert open_files() == before


def test_no_top(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(walk(str(tmp_path / "gone")))
