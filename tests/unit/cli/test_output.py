# SPDX-License-Identifier: Apache-2.0
"""A standard output that takes nothing: the real command, and a real device that is full."""

import os
import subprocess
import sysconfig
from pathlib import Path
from typing import IO

import pytest

COMMAND = Path(sysconfig.get_path("scripts"), "ocihook")
WORDS = [
    ("version",), ("config", "show", "--json"), ("metrics",), ("doctor", "--only", "kernel"),
]  # fmt: skip


def told(words: tuple[str, ...], stdout: IO[bytes] | int) -> tuple[int, str]:
    """Run the command; return its status and what it says on standard error."""
    done = subprocess.run(
        [COMMAND, *words], stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=60, check=False
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_a_full_disk_is_one_line(words: tuple[str, ...]) -> None:
    message = "no space left on device (make room there, and do it again)"
    with open("/dev/full", "wb") as full:
        assert told(words, full) == (os.EX_OSERR, f"ocihook: standard output: {message}\n")


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_a_reader_that_has_gone_is_no_error(words: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        assert told(words, writing) == (1, "")
    finally:
        os.close(writing)
