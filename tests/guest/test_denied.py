# SPDX-License-Identifier: Apache-2.0
"""What commands say on a real kernel that does not let them: one line, with what to do next.

tests/unit/test_cli_messages.py has every command, on files in the kernel's place.
"""

from __future__ import annotations

import os
import re
import subprocess

import pytest
from bundle import TIMEOUT_S
from conftest import kernel_state, ocihook
from test_scheduler import foreign_scheduler

from ocihook.sched import loader

COMMANDS = (
    ("cells", "tree"),
    ("cells", "set", "0", "--weight", "5"),
    ("gc",),
    ("top", "--once"),
    ("scheduler", "reload"),
)


@pytest.mark.usefixtures("scheduler")
@pytest.mark.parametrize("words", [*COMMANDS, ("scheduler", "stop")], ids=" ".join)
def test_ordinary_user(words: tuple[str, ...]) -> None:
    done = subprocess.run(
        ["ocihook", *words],
        user="nobody",
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert (done.returncode, done.stdout) == (os.EX_NOPERM, "")
    line = r"ocihook: .+: (permission denied|operation not permitted) \(run this command as root\)"
    assert re.fullmatch(f"{line}\n", done.stderr), done.stderr
    assert kernel_state() == "enabled"


def test_beside_another_scheduler() -> None:
    loader.stop()
    with foreign_scheduler():
        for words in COMMANDS:
            done = ocihook(*words, check=False)
            assert (done.returncode, done.stdout) == (os.EX_UNAVAILABLE, "")
            told = r"ocihook: another sched_ext scheduler runs: foreign\S* \(stop it first; .+\)\n"
            assert re.fullmatch(told, done.stderr), (words, done.stderr)
        assert kernel_state() == "enabled"
