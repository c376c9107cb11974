# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

from ocihook.validate import machine
from ocihook.validate.machine import Machine


def test_without_numa_and_with_too_many_cpus_nothing_is_said_of_them(tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "online").write_text("0-4095\n")
    everything = (1 << 1024) - 1
    assert machine.read(tmp_path) == Machine(everything, everything)
    (tmp_path / "cpu" / "online").write_text("0-1\n")
    assert machine.read(tmp_path).online == 0b11
