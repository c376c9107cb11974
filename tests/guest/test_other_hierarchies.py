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

HIERARCHIES = {"none,name=ocihook-test": 30_000, "net_cls": 100, "freezer": 100}
"""One without controllers, as systemd had, and two controllers that v2 does not use; and how many
cgroups are made in each. The first one goes on until its ids have passed those of the cells: 5 a
cgroup, where v2 counts some 60, so it takes as long as cgroups were made before in this guest."""

CELLS = 12


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


def come_and_go(point: Path, cgids: set[int], most: int) -> set[int]:
    """Make and remove v1 cgroups until their ids have passed the cells'; return common ids.

    The ids of each hierarchy count up from 1, a few for each cgroup. ``most`` are made.
    """
    common: set[int] = set()
    for number in range(most):
        cgroup = point / f"c{number}"
        cgroup.mkdir()
        cgid = cgroup.stat().st_ino
        cgroup.rmdir()
        common |= cgids & {cgid}
        if cgid > max(cgids):
            break
    return common


def test_v1_cgroups_with_the_ids_of_cells(
    make: Make, tmp_path: Path, cells_without_tasks: dict[int, str]
) -> None:
    made = [make(runtime, runtime, burn(2)) for runtime in ("runc", "crun")]
    run_all(made)
    collided: set[int] = set()
    for number, (options, most) in enumerate(HIERARCHIES.items()):
        point = tmp_path / f"v1-{number}"
        with hierarchy(options, point):
            collided |= come_and_go(point, set(cells_without_tasks), most)
    assert collided, "no v1 cgroup had the id of a cell"
    for container in (*cells_without_tasks.values(), *(container.id for container in made)):
        assert len(cells_of(container)) == 1, "the end of a v1 cgroup is not the cell's"
    demand_progress(made)
