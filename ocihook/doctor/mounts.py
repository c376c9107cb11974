# SPDX-License-Identifier: Apache-2.0
"""The mount table, as checks ask it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Mount(NamedTuple):
    """A line of /proc/self/mountinfo (proc(5)): what of it is asked for."""

    path: str
    kind: str
    options: frozenset[str]
    """Those of the mount and those of the file system."""


def read(mountinfo: Path) -> list[Mount]:
    """Return all mounts, in the kernel's order: a later one covers an earlier one.

    Raises:
        OSError: procfs is not there.
    """
    return list(_lines(mountinfo.read_text(encoding="utf-8", errors="surrogateescape")))


def _lines(text: str) -> Iterator[Mount]:
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        fields, (kind, _, options) = before.split(), after.split(" ", 2)
        yield Mount(
            _unescape(fields[4]), kind, frozenset([*fields[5].split(","), *options.split(",")])
        )


def _unescape(path: str) -> str:
    """Undo what the kernel does to blanks, tabs, newlines and backslashes: ``\\040``."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), path)


def at(mounts: list[Mount], path: str) -> Mount | None:
    """Return the topmost mount at exactly ``path``, or None."""
    return next((each for each in reversed(mounts) if each.path == path), None)


def holding(mounts: list[Mount], path: str) -> Mount | None:
    """Return the mount that ``path`` is on, or None where the table has no root."""
    above = [path, *map(str, Path(path).parents)]
    found = [(above.index(each.path), each) for each in reversed(mounts) if each.path in above]
    return min(found, key=lambda one: one[0])[1] if found else None
