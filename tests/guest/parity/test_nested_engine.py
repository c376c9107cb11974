# SPDX-License-Identifier: Apache-2.0
"""A container whose own engine makes cgroups in it: weights and limits at both levels."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from bundle import PARENT, Container, Make
from cells import cells_of
from parity.found import Found, Start
from parity.judge import CPUS
from parity.trees import Group, grown

from ocihook.paths import CGROUPFS

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("scheduler")]

INSIDE = {"light": ("100", "max"), "heavy": ("900", "max"), "limited": ("1000", "20000 100000")}
"""Of each inner cgroup: cpu.weight and cpu.max."""


def engine(start: Start) -> str:
    """Return what runs in the container: it makes cgroups in its part of cgroup2, as root there.

    A cgroup that has controllers for its children has no tasks itself.
    """
    lines = ["set -e", "cd /sys/fs/cgroup", "mkdir engine", "echo 0 >engine/cgroup.procs"]
    lines += ["echo +cpu >cgroup.subtree_control"]
    for name, (weight, limit) in INSIDE.items():
        lines += [f"mkdir {name}", f"echo {weight} >{name}/cpu.weight"]
        lines += [f"echo {limit} >{name}/cpu.max"]
        lines += [f"(echo 0 >{name}/cgroup.procs; {start.command()}) &"]
    return "\n".join([*lines, "echo made", "wait"])


@pytest.fixture
def container(make: Make, tmp_path: Path) -> Iterator[tuple[Container, Start]]:
    shared = tmp_path / "shared"
    shared.mkdir()
    start = Start(shared)
    cpu = {"shares": 2048, "quota": 50_000 * CPUS, "period": 100_000}
    made = make("runc", command=("/bin/sh", "-c", engine(start)), cpu=cpu, engine=shared)
    yield made, start
    start.close()
    made.kill_tasks()
    for directory, _, _ in os.walk(made.cgroup, topdown=False):
        os.rmdir(directory)


def test_cgroups_that_a_container_makes(container: tuple[Container, Start]) -> None:
    """The container is held at half of the machine, and divides that; a neighbour has the rest."""
    made, start = container
    assert made.run().wait_for_output() == "made"
    assert len(cells_of(made.id)) == 1
    inside = [made.cgroup / name for name in INSIDE]
    with grown(Group("neighbour", 10, tasks=CPUS), parent=Path(CGROUPFS, PARENT)) as tree:
        start.begin(inside)
        found = Found([*inside, *(leaf.cgroup for leaf in tree.parties.values())])
        due = list(found.due().values())
        rest = CPUS / 2 - 0.2
        assert due == pytest.approx([0.1 * rest, 0.9 * rest, 0.2, CPUS / 2])
        found.demand_limits(cpu_s=2.0)
