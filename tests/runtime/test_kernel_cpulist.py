# SPDX-License-Identifier: Apache-2.0
"""This machine's kernel, asked what it makes of cpulists and numbers written into control files."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from runtimes import control_group

from ocihook import control_file, cpulist, kernel_cpulist
from ocihook.errors import InputError

# Skips for this reason are allowed in continuous integration: tests/conftest.py.
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root and cgroup2")

PIECES = (
    "0", "1", "0-1", "0-N", "N", "all", "aLL", ":1/2", ":0/1", ":2/1", ":N/N", "-", ":", "/", ",",
    " ", "\n", "\t", "\v", "x", "n", "+", "00", "2", "4294967296", "\u00a0", "1-0",
)  # fmt: skip
NUMBERS = (
    "100", "0x64", "0X64", "0144", "+100", "+0x64", "100\n", "100\n\n", " 100", "100 ", "\n100",
    "0x", "x64", "08", "0b11", "1e3", "-5", "++1", "1_0", "", "\u0661", "0o144", "100x",
)  # fmt: skip


@pytest.fixture
def write() -> Iterator[Callable[[str, str, str], str | None]]:
    """Write to the first file there is, of a cgroup with a controller; return what it says then."""
    made: dict[str, Path] = {}

    def into(controller: str, names: str, text: str) -> str | None:
        if controller not in made:
            directory = control_group(controller, f"ocihook-grammar-{os.getpid()}")
            if directory is None:
                pytest.skip("needs root and cgroup2")
            made[controller] = directory
        path = next(
            made[controller] / name for name in names.split() if (made[controller] / name).exists()
        )
        file = os.open(path, os.O_WRONLY)
        try:
            os.write(file, text.encode())
        except OSError:
            return None
        finally:
            os.close(file)
        return path.read_text()

    yield into
    for directory in made.values():
        directory.rmdir()


def test_cpulists(
    write: Callable[[str, str, str], str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Texts that are made of pieces which mean something there; a seed, so that they stay."""
    monkeypatch.setattr(kernel_cpulist, "MAX_CPUS", kernel_cpulist.last_cpu() + 1)
    chance = random.Random(20261128)
    taken = refused = 0
    for _ in range(3000):
        text = "".join(chance.choices(PIECES, k=chance.randint(1, 5)))
        there = write("cpuset", "cpuset.cpus", text)
        try:
            mask = kernel_cpulist.parse(text)
        except InputError:
            mask = -1
        assert (there is None) == (mask == -1), (text, there)
        if there is not None:
            assert cpulist.parse(there.strip()) == mask, (text, there)
        taken, refused = taken + (mask != -1), refused + (mask == -1)
    assert min(taken, refused) > 300


def test_numbers(write: Callable[[str, str, str], str | None]) -> None:
    """Of a file that is a number: all go through one function (cgroup_file_write)."""
    for text in NUMBERS:
        there = write("cpu", "cpu.weight cpu.shares", text) if text else None
        try:
            number = str(control_file.weight(text))
        except InputError:
            number = None
        assert (there and there.strip()) == number, text
