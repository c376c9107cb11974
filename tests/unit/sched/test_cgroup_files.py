# SPDX-License-Identifier: Apache-2.0
"""What stands in a cgroup's files, and how far it goes before a mark."""

from pathlib import Path
from typing import Any

import pytest

from ocihook.cell import CellSpec
from ocihook.sched.cgroup_files import cpuset_of, read_file, update_from_files

MS = 1_000_000
MARKED: dict[str, Any] = {"weight": 20, "quota_ns": 20 * MS, "period_ns": 100 * MS}
RESIZED = {"cpu.weight": "157\n", "cpu.max": "150000 100000\n", "cpu.max.burst": "5000\n"}


def spec(**members: Any) -> CellSpec:
    return CellSpec(container="c1", bundle_hash=5, name="web", **members)


def write(directory: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (directory / name).write_text(text)


@pytest.mark.parametrize(
    ("files", "fixed", "expected"),
    [
        (RESIZED, {}, (157, 150 * MS, 100 * MS, 5 * MS)),
        (RESIZED, {"fixed_weight": True}, (20, 150 * MS, 100 * MS, 5 * MS)),
        (RESIZED, {"fixed_quota": True}, (157, 20 * MS, 100 * MS, 0)),
        ({"cpu.weight": "0", "cpu.max": "max 100000"}, {}, (1, 0, 0, 0)),
        # The controller is off, or the files say what no kernel does.
        ({}, {}, (20, 20 * MS, 100 * MS, 0)),
        ({"cpu.weight": "", "cpu.max": "\xff"}, {}, (20, 20 * MS, 100 * MS, 0)),
    ],
)
def test_update_from_files(
    tmp_path: Path, files: dict[str, str], fixed: dict[str, bool], expected: tuple[int, ...]
) -> None:
    write(tmp_path, files)
    marked = spec(**MARKED, **fixed)
    update_from_files(marked, str(tmp_path))
    assert (marked.weight, marked.quota_ns, marked.period_ns, marked.burst_ns) == expected


def test_cpuset_of_several_is_what_any_of_them_may_use(tmp_path: Path) -> None:
    for name, cpus in (("", "0-3"), ("a", "0"), ("b", "2")):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "cpuset.cpus.effective").write_text(f"{cpus}\n")
    (tmp_path / "a" / "below").mkdir()
    found = cpuset_of(["/a/below", None, "/b", "/gone"], str(tmp_path))
    assert (found.effective, found.of_root) == (0b101, 0b1111)
    assert cpuset_of([None], str(tmp_path)).effective is None


def test_file_that_is_not_there(tmp_path: Path) -> None:
    assert read_file(str(tmp_path), "cpu.weight") is None
