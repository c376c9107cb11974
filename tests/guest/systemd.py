# SPDX-License-Identifier: Apache-2.0
"""systemd as the guest's init: its command."""

from __future__ import annotations

import subprocess

from bundle import TIMEOUT_S


def systemctl(*arguments: str) -> str:
    """Run systemctl and return what it printed, stripped."""
    done = subprocess.run(
        ["systemctl", *arguments], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
