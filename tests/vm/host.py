# SPDX-License-Identifier: Apache-2.0
"""Run programs on the machine that the rig runs on, as root where that is needed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from .errors import RigError, Unavailable

_TAIL_LINES = 25


def environment() -> dict[str, str]:
    """Return the environment for programs: plain messages, no setting meant for our own Python."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    # Debian's root tools live in sbin, which is not on an ordinary user's PATH.
    path = f"{kept.get('PATH', '/usr/bin:/bin')}:/usr/sbin:/sbin"
    return kept | {"LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", "PATH": path}


def as_root(command: Sequence[str]) -> list[str]:
    """Return ``command`` such that it runs as root: itself for root, through sudo for others."""
    if os.geteuid() == 0:
        return list(command)
    if shutil.which("sudo") is None:
        message = f"{command[0]}: needs root; run as root or install sudo"
        raise Unavailable(message)
    return ["sudo", "--", *command]


def run(
    command: Sequence[str | os.PathLike[str]],
    *,
    root: bool = False,
    extra: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> str:
    """Run ``command`` to its end and return its standard output.

    :param root: run it as root, through sudo if need be
    :param extra: environment variables on top of :func:`environment`
    :raises RigError: if it fails, with the end of what it printed
    """
    words = [os.fspath(word) for word in command]
    if root:
        words = as_root(words)
    try:
        done = subprocess.run(
            words,
            env=environment() | dict(extra or {}),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError as error:
        message = f"{words[0]}: not found; run ./dev, which installs it"
        raise Unavailable(message) from error
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-_TAIL_LINES:])
        message = f"{words[0]}: exit status {done.returncode}; its last lines:\n{tail}"
        raise RigError(message)
    return done.stdout


def remove_tree(path: Path) -> None:
    """Remove ``path`` and everything below it, if it is there, even if parts of it are root's."""
    if not path.exists():
        return
    if os.geteuid() == 0:
        shutil.rmtree(path)
    else:
        shutil.rmtree(path, ignore_errors=True)
        if path.exists():
            run(["rm", "-rf", "--one-file-system", path], root=True)
