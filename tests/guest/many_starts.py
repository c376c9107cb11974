# SPDX-License-Identifier: Apache-2.0
"""200 containers started at once, and a table with fewer slots left than containers come.

Every start is a crun of its own with its hooks; as many run at a time as two emulated CPUs get
through before the hook's own deadline (20 s), with room for a machine that does other things.

Minutes, so named that no session collects it by itself: tests/vm/test_guest.py has it in one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from bundle import PARENT, Container, config
from hook_calls import complaint, wait_until

from ocihook._bpf.pinned import register, sweep
from ocihook._bpf.pinned_array import PinnedArray
from ocihook.abi import CELL_LIVE, OCIHOOK_MAX_CELLS, Cell, CellRequest
from ocihook.paths import CGROUPFS
from ocihook.sched.cells import list_cells

pytestmark = [pytest.mark.usefixtures("scheduler"), pytest.mark.timeout(1200)]

CONTAINERS = 200
AT_A_TIME = 24

PLACES = 8
"""Slots left where as many containers more come."""


def bundle(directory: Path, number: int) -> Container:
    """Make a container that does as little as one can."""
    name = f"many-{number}"
    document = config(name, ("/bin/busybox", "sleep", "1000"), stages=("createRuntime", "poststop"))
    document["linux"]["namespaces"] = [{"type": kind} for kind in ("pid", "mount", "cgroup")]
    del document["hostname"]  # the host's, without a "uts" namespace
    return Container("crun", name, directory / name, document).log_hooks()


@pytest.fixture
def crowd(tmp_path: Path) -> Iterator[list[Container]]:
    """A list for containers, which are all deleted after the test, as many at a time as started."""
    made: list[Container] = []
    yield made
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        list(pool.map(Container.clean_up, made))


def start(container: Container) -> None:
    container.call("run", "--detach", "--bundle", os.fspath(container.bundle), container.id)


def start_all(containers: list[Container]) -> dict[str, list[Cell]]:
    """Start them, AT_A_TIME at any moment; return the live cells of each that has some.

    From the table itself: list_cells() would look at the cgroups of thousands.
    """
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        list(pool.map(start, containers))
    found: dict[str, list[Cell]] = {}
    ids = {container.id for container in containers}
    table = PinnedArray("cells", Cell)
    for slot in range(OCIHOOK_MAX_CELLS):
        (cell,) = table.read(slot)
        name = cell.container.rstrip(b"\0").decode()
        if cell.state == CELL_LIVE and name in ids:
            found.setdefault(name, []).append(cell)
    table.close()
    return found


def wait_until_as(before: set[int]) -> None:
    """Wait until the slots in use are those of before: nothing has leaked."""

    def settled() -> bool:
        sweep()
        return {cell["cell"] for cell in list_cells()} == before

    wait_until(settled, "the cells of before")


def test_200_starts_at_once(crowd: list[Container], tmp_path: Path) -> None:
    before = {cell["cell"] for cell in list_cells()}
    crowd += [bundle(tmp_path, number) for number in range(CONTAINERS)]
    cells = start_all(crowd)
    assert [text for container in crowd if (text := complaint(container))] == []
    assert {name: [cell.cgid for cell in its] for name, its in cells.items()} == {
        container.id: [container.cgroup.stat().st_ino] for container in crowd
    }
    assert len({its[0].cgid for its in cells.values()}) == CONTAINERS
    for container in crowd:
        assert len((container.cgroup / "cgroup.procs").read_text().split()) == 1, container.id

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        list(pool.map(Container.delete, crowd))
    assert [container.id for container in crowd if container.cgroup.exists()] == []
    crowd.clear()
    wait_until_as(before)


@pytest.fixture
def full() -> Iterator[None]:
    """Fill the table but for PLACES slots, with cells of cgroups that nobody is in."""
    parent = Path(CGROUPFS, PARENT, "filler")
    parent.mkdir(parents=True)
    free = OCIHOOK_MAX_CELLS - len(list_cells())
    for number in range(free - PLACES):
        cgroup = parent / str(number)
        cgroup.mkdir()
        register(CellRequest(cgid=cgroup.stat().st_ino, name=b"filler"))
    yield
    for cgroup in parent.iterdir():
        if cgroup.is_dir():
            cgroup.rmdir()
    parent.rmdir()


def test_a_full_table_costs_nobody_its_container(
    full: None, crowd: list[Container], tmp_path: Path
) -> None:
    crowd += [bundle(tmp_path, number) for number in range(PLACES + CONTAINERS)]
    cells = start_all(crowd)
    assert [len(its) for its in cells.values()] == [1] * PLACES
    for container in crowd:
        assert container.state()["status"] == "running", container.id
        said = complaint(container)
        if container.id in cells:
            assert said == ""
        else:
            prefix = f"ocihook: createRuntime: container {container.id}: every cell is taken"
            assert (said.startswith(prefix), said.count("\n")) == (True, 1), said
