# SPDX-License-Identifier: Apache-2.0
"""Which CPUs a cgroup may use: the nearest file counts, and the root's is the host's."""

import pytest

from ocihook import cpuset

FILE = "cpuset.cpus.effective"


@pytest.mark.parametrize(
    ("files", "path", "effective", "of_root"),
    [
        ({FILE: "0", f"../{FILE}": "0-1", f"../../{FILE}": "0-3"}, "/s/c", 0b1, 0b1111),
        # The controller is on for the slice alone.
        ({f"../{FILE}": "0-1", f"../../{FILE}": "0-3"}, "/s/c", 0b11, 0b1111),
        # For none.
        ({f"../../{FILE}": "0-2"}, "/s/c", 0b111, 0b111),
        ({}, "/s/c", None, None),
        # A partition has given all to partitions below it.
        ({FILE: "", f"../{FILE}": "0-3"}, "/c", 0, 0b1111),
        ({FILE: "1-2"}, "/", 0b110, 0b110),
        # More CPUs than the ABI can name.
        ({FILE: "0-4095", f"../{FILE}": "0-4095"}, "/c", None, None),
    ],
)
def test_read(files: dict[str, str], path: str, effective: int | None, of_root: int | None) -> None:
    found = cpuset.read(files.get, path)
    assert (found.effective, found.of_root) == (effective, of_root)


@pytest.mark.parametrize(
    ("effective", "of_root", "narrows"),
    [(1, 3, True), (3, 3, False), (None, None, False), (0, 3, True), (4, 3, True)],
)
def test_narrows(effective: int | None, of_root: int | None, *, narrows: bool) -> None:
    assert cpuset.Cpuset(effective, of_root).narrows() == narrows
