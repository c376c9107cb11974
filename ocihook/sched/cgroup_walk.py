# SPDX-License-Identifier: Apache-2.0
"""Walk a tree of cgroups of any depth: users and containers make what lies below their own.

Neither recursion nor whole paths: Python recurses 1,000 times, and the kernel takes paths of 4,096
bytes, where a tree may have thousands of levels. The walk holds one directory open, goes down by
names and up by ``..``: a cgroup of v2 is never moved, and one that is removed keeps its parent.
"""

import errno
import os
from collections.abc import Container, Iterator
from typing import NamedTuple

MAX_LEVELS = 4096
"""What lies deeper is not looked at. A path of so many names is longer than the kernel takes."""

_LONGEST_PATH = 3072
"""Of the 4,096 bytes that a path may have; the rest is for a file's name."""

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK

_GONE = (errno.ENOENT, errno.ENODEV)


class Visited(NamedTuple):
    """A cgroup that the walk stands at.

    ``directory`` is its path, for messages and however long. ``at`` leads there while the walk
    stands there. ``fault`` is why it cannot be looked at, with all below it.
    """

    directory: str
    at: str
    fd: int
    fault: OSError | None = None


def walk(top: str, pruned: Container[int] = ()) -> Iterator[Visited]:
    """Yield the cgroup `top` and all below it, each before what lies below it.

    Those that vanish meanwhile are left out. `pruned` are ids (inodes) not to go into, but for that
    of `top`.

    Raises:
        OSError: `top` cannot be opened.
    """
    path, fd = top, os.open(top, _DIRECTORY & ~os.O_NOFOLLOW)
    try:
        yield _visited(path, fd)
        waiting = [_names_below(fd, pruned)]
        while True:
            if not waiting[-1]:
                waiting.pop()
                if not waiting:
                    return
                path = path.rpartition("/")[0]
                fd = _exchanged(fd, "..")
                continue
            name = waiting[-1].pop()
            below = f"{path}/{name}"
            try:
                if len(waiting) > MAX_LEVELS:
                    raise OSError(errno.ENAMETOOLONG, f"more than {MAX_LEVELS} levels deep")
                fd = _exchanged(fd, name)
            except OSError as error:
                if error.errno not in _GONE:
                    yield Visited(below, "", -1, error)
                continue
            path = below
            yield _visited(path, fd)
            try:
                waiting.append(_names_below(fd, pruned))
            except OSError as error:
                waiting.append([])
                if error.errno not in _GONE:
                    yield Visited(path, "", -1, error)
    finally:
        os.close(fd)


def _visited(path: str, fd: int) -> Visited:
    return Visited(path, path if len(path) < _LONGEST_PATH else f"/proc/self/fd/{fd}", fd)


def _exchanged(fd: int, name: str) -> int:
    """Return an fd of a directory seen from another, which is closed."""
    found = os.open(name, _DIRECTORY, dir_fd=fd)
    os.close(fd)
    return found


def _names_below(fd: int, pruned: Container[int]) -> list[str]:
    with os.scandir(fd) as entries:
        return [
            entry.name
            for entry in entries
            if entry.is_dir(follow_symlinks=False) and entry.inode() not in pruned
        ]
