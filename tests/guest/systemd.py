# SPDX-License-Identifier: Apache-2.0
"""systemd as the guest's init: its commands, and the manager of a user's session."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from bundle import TIMEOUT_S

_RUNTIME_DIR = "XDG_RUNTIME_DIR=/run/user/0"
"""What PAM's module for systemd, which is not here, tells a session."""


def systemctl(*arguments: str, user: bool = False) -> str:
    """Run systemctl and return what it printed, stripped; ``user``: of root's own manager."""
    return _call("systemctl", *arguments, user=user)


def start_unit(unit: str, script: str, *options: str, user: bool = False) -> None:
    """Start a shell's script as a service, which ends with it; see systemd-run(1)."""
    name = f"--unit={unit}"
    _call("systemd-run", "--quiet", name, *options, "/bin/sh", "-c", script, user=user)


@contextmanager
def user_manager() -> Iterator[None]:
    """Run root's own manager, as after a login: user@0.service."""
    systemctl("set-environment", _RUNTIME_DIR)
    systemctl("start", "user@0.service")
    systemctl("unset-environment", _RUNTIME_DIR)
    try:
        yield
    finally:
        systemctl("stop", "user@0.service")


def _call(program: str, *arguments: str, user: bool) -> str:
    done = subprocess.run(
        [program, *(("--user",) if user else ()), *arguments],
        env=os.environ | dict([_RUNTIME_DIR.split("=")]),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
