# SPDX-License-Identifier: Apache-2.0
"""Cgroup v1 hierarchies beside us: their cgroups fire our tracepoint, with ids that collide."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from bundle import PARENT, burn
from conftest import Make, cells_of
from load import demand_progress, run_all

from ocihook import cell
from ocihook._bpf.pinned import register
from ocihook.paths import CGROUPFS

pytestmark = pytest.mark.usefixtures("scheduler")

HIERARCHIES = ("none,name=ocihook-test", "net_cls", "freezer")
"""One without controllers, as systemd had, and two controllers that v2 does not use."""

CELLS = 12
MOST_CGROUPS = 1000


@contextmanager
def hierarchy(options: str, point: Path) -> Iterator[None]:
    """Mount a v1 hierarchy; it ends when its last cgroup is gone and it is not mounted any more."""
    point.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "cgroup", "-o", options, "cgroup", point], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", point], check=True)


@pytest.fixture
def cells_without_tasks() -> Iterator[dict[int, str]]:
    """Register cells of cgroups with nothing in them; return their names by cgid."""
    parent = Path(CGROUPFS, PARENT)
    parent.mkdir(exist_ok=True)
    names: dict[int, str] = {}
    for number in range(CELLS):
        name = f"collides-{number}"
        (parent / name).mkdir()
        cgid = (parent / name).stat().st_ino
        register(cell.CellSpec(container=name, bundle_hash=0, name=name).request(cgid))
        names[cgid] = name
    yield names
    for name in names.values():
        (parent / name).rmdir()


def come_and_go(point: Path, cgids: set[int]) -> set[int]:
    """Make v1 cgroups until their ids have passed the cells', remove them; return common ids.

    The ids of each hierarchy count up from 1, a few for each cgroup.
    """
    made: dict[int, Path] = {}
    while max(made, default=0) < max(cgids):
        assert len(made) < MOST_CGROUPS, "ids of this hierarchy do not count up"
        cgroup = point / f"c{len(made)}"
        cgroup.mkdir()
        made[cgroup.stat().st_ino] = cgroup
    for cgroup in made.values():
        cgroup.rmdir()
    return cgids & set(made)


def test_v1_cgroups_with_the_ids_of_cells(
    make: Make, tmp_path: Path, cells_without_tasks: dict[int, str]
) -> None:
    made = [make(runtime, runtime, burn(2)) for runtime in ("runc", "crun")]
    run_all(made)
    collided: set[int] = set()
    for number, options in enumerate(HIERARCHIES):
        point = tmp_path / f"v1-{number}"
        with hierarchy(options, point):
            collided |= come_and_go(point, set(cells_without_tasks))
    assert collided, "no v1 cgroup had the id of a cell"
    for container in (*cells_without_tasks.values(), *(container.id for container in made)):
        assert len(cells_of(container)) == 1, "the end of a v1 cgroup is not the cell's"
    demand_progress(made)
