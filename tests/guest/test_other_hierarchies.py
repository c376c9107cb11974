# SPDX-License-Identifier: Apache-2.0
"""Cgroup v1 hierarchies beside us: their cgroups fire our tracepoint, with ids that collide."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from bundle import PARENT
from cells import Workloads, cells_of
from converge import demand_progress

from ocihook import cell
from ocihook._bpf.pinned import register
from ocihook.paths import CGROUPFS

pytestmark = pytest.mark.kernel

NAMED = "none,name=ocihook-test"
"""A hierarchy without controllers, as systemd had."""

CONTROLLERS = {"net_cls": 100, "freezer": 100}
"""Controllers that v2 does not use, and how many cgroups are made in the hierarchy of each."""

CELLS = 3
"""So many cells have ids that cgroups of v1 get, too."""

ATTEMPTS = 500
"""So many cgroups are made at most until `CELLS` have such ids."""


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
def cgroups() -> Iterator[Iterator[Path]]:
    """Make cgroups of v2 with nothing in them, their ids not all a multiple of one number apart.

    An id is that of the directory and goes on by one for each file. So the parents differ in the
    controllers that they have their children get, and with that in the number of files; and they
    come in no order, as all of them in turn could add up to such a multiple.
    """
    order = random.Random(0)
    top = Path(CGROUPFS, f"{PARENT}-collides")
    top.mkdir()
    controllers = (top / "cgroup.controllers").read_text().split()
    (top / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in controllers))
    parents = [top / name for name in controllers]
    for parent in parents:
        parent.mkdir()
        (parent / "cgroup.subtree_control").write_text(f"+{parent.name}")

    def one_after_the_other() -> Iterator[Path]:
        for number in range(ATTEMPTS):
            cgroup = order.choice(parents) / f"c{number}"
            cgroup.mkdir()
            yield cgroup

    yield one_after_the_other()
    for directory in sorted(top.glob("**/"), reverse=True):
        directory.rmdir()


def come_and_go(point: Path) -> int:
    """Make and remove a cgroup; return its id. A v1 hierarchy's count up from 1, by its files."""
    cgroup = point / "comes-and-goes"
    cgroup.mkdir()
    cgid = cgroup.stat().st_ino
    cgroup.rmdir()
    return cgid


def cells_whose_ids_come(point: Path, cgroups: Iterator[Path]) -> dict[int, str]:
    """Register cells whose ids cgroups at ``point`` will get; return their names by cgid."""
    first = come_and_go(point)
    step = come_and_go(point) - first
    names: dict[int, str] = {}
    for cgroup in cgroups:
        cgid = cgroup.stat().st_ino
        if cgid > first + step and (cgid - first) % step == 0:
            names[cgid] = f"collides-{len(names)}"
            spec = cell.CellSpec(container=names[cgid], bundle_hash=0, name=names[cgid])
            register(spec.request(cgid))
        if len(names) == CELLS:
            return names
    raise AssertionError(f"no {CELLS} of {ATTEMPTS} cgroups have ids that are {first} + n * {step}")


def test_v1_cgroups_with_the_ids_of_cells(
    cells: Workloads, tmp_path: Path, cgroups: Iterator[Path]
) -> None:
    busy = [cells("one", 2), cells("other", 2)]
    cells.begin()
    with hierarchy(NAMED, named := tmp_path / "v1-named"):
        colliding = cells_whose_ids_come(named, cgroups)
        come: set[int] = set()
        while not come or max(come) < max(colliding):
            come.add(come_and_go(named))
        assert set(colliding) <= come
    for controller, most in CONTROLLERS.items():
        with hierarchy(controller, point := tmp_path / f"v1-{controller}"):
            for _ in range(most):
                come_and_go(point)
    for container in (*colliding.values(), *(its.id for its in busy)):
        assert len(cells_of(container)) == 1, "the end of a v1 cgroup is not the cell's"
    demand_progress(busy)
