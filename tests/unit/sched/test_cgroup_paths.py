# SPDX-License-Identifier: Apache-2.0
"""Paths of cgroups by their ids, on a directory that stands for cgroupfs."""

from pathlib import Path

import pytest
from readings import Slot, live, reading

from ocihook.abi import CELL_NODE
from ocihook.sched import cgroup_paths
from ocihook.sched.cgroup_paths import CgroupPaths
from ocihook.sched.node_usage import NodeUsage
from ocihook.sched.usage import usage

WEIGHTS = {1: 100, 2: 1, 3: 1, 4: 1, 5: 1}
"""By the id; 4 has no file cpu.idle, and 5 is gone."""


@pytest.fixture
def nodes() -> tuple[NodeUsage, ...]:
    slots: list[Slot | None] = [
        Slot(live("host" if cgid == 1 else "", cgid=cgid, weight=weight,
                  **({} if cgid == 1 else {"state": CELL_NODE})))
        for cgid, weight in WEIGHTS.items()
    ]  # fmt: skip
    return usage(reading(1, slots), reading(2, slots), nodes=True).nodes


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The ids that the kernel was asked for."""
    found: list[int] = []

    def cgroup_of(_mount_fd: int, cgid: int) -> str | None:
        found.append(cgid)
        return {1: "/", 2: "/two", 3: "/three", 4: "/four"}.get(cgid)

    monkeypatch.setattr(cgroup_paths, "cgroup_of", cgroup_of)
    return found


def test_each_is_looked_for_once(
    tmp_path: Path, nodes: tuple[NodeUsage, ...], asked: list[int]
) -> None:
    paths = CgroupPaths(str(tmp_path))
    expected = {1: "/", 2: "/two", 3: "/three", 4: "/four"}
    assert paths.of(nodes) == expected
    assert paths.of(nodes) == expected
    assert asked == [1, 2, 3, 4, 5]
    assert paths.of(nodes[:2]) == {1: "/", 2: "/two"}
    paths.of(nodes)
    assert asked == [1, 2, 3, 4, 5, 3, 4, 5], "those that were not asked for are forgotten"


@pytest.mark.usefixtures("asked")
def test_idle_is_what_the_file_says(tmp_path: Path, nodes: tuple[NodeUsage, ...]) -> None:
    for name, value in (("two", "1\n"), ("three", "0\n"), ("four", None)):
        (tmp_path / name).mkdir()
        if value:
            (tmp_path / name / "cpu.idle").write_text(value)
    paths = CgroupPaths(str(tmp_path))
    paths.of(nodes)
    assert paths.idle(nodes) == {2}
