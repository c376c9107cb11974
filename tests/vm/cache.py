# SPDX-License-Identifier: Apache-2.0
"""Directories that are made once and kept, named after their recipe, shared by all clones.

An entry is there completely or not at all: it is made under a temporary name, with a lock held, and
renamed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from . import host


def root() -> Path:
    """Return the directory under which everything is kept (``$XDG_CACHE_HOME/ocihook``)."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "ocihook"


def key(*recipe: str) -> str:
    """Return the name under which the result of ``recipe`` is kept: 16 hexadecimal digits."""
    return hashlib.sha256("\0".join(recipe).encode()).hexdigest()[:16]


@contextmanager
def lock(name: str) -> Iterator[None]:
    """Hold the lock ``name`` against other processes of this user; wait for it if need be."""
    directory = root() / "lock"
    directory.mkdir(parents=True, exist_ok=True)
    with open(directory / name, "w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def find(kind: str, *recipe: str) -> Path | None:
    """Return the entry of ``recipe`` if it has been made, without making it."""
    path = root() / kind / key(*recipe)
    return path if path.is_dir() else None


def entry(kind: str, *recipe: str, fill: Callable[[Path], None]) -> Path:
    """Return the directory that ``fill`` makes, making it if this ``recipe`` was never made.

    :param kind: what it is, one word: the directory the entry stands in
    :param recipe: everything the result depends on, as text
    :param fill: called with an empty directory; what it raises goes through, and nothing is kept
    """
    final = root() / kind / key(*recipe)
    if final.is_dir():
        return final
    with lock(f"{kind}-{final.name}"):
        if final.is_dir():
            return final
        new = final.with_name(f".new-{final.name}")
        host.remove_tree(new)  # what a killed run left: nobody else is here, the lock is ours
        new.mkdir(parents=True)
        try:
            fill(new)
            (new / "recipe").write_text("\n".join(recipe) + "\n")
            new.rename(final)
        except BaseException:
            host.remove_tree(new)
            raise
    return final
