# SPDX-License-Identifier: Apache-2.0
"""Many containers started at once, and a table with fewer slots left than containers come.

Every start is a runtime of its own with its hooks; as many run at a time as two emulated CPUs get
through before the hook's own deadline (20 s), with room for a machine that does other things.
200 take minutes with --all-kernels; 16 of both runtimes, of which runc's are several times as slow,
are in each run, 8 at a time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from bundle import PARENT, STAGES, Container, config
from hook_calls import complaint
from waiting import until

from ocihook._bpf.pinned import register, sweep
from ocihook._bpf.pinned_array import PinnedArray
from ocihook.abi import CELL_FREE, CELL_LIVE, OCIHOOK_MAX_CELLS, Cell, CellRequest
from ocihook.paths import CGROUPFS, HOOK_PROGRAM
from ocihook.sched import loader

pytestmark = [pytest.mark.usefixtures("scheduler"), pytest.mark.timeout(1200)]

CONTAINERS = 200
AT_A_TIME = 24

PLACES = 8
"""Slots left where as many containers more come."""

SLEEP = ("/bin/busybox", "sleep", "1000")


def bundle(directory: Path, number: int) -> Container:
    """Make a container that does as little as one can."""
    name = f"many-{number}"
    document = config(name, SLEEP, stages=("createRuntime", "poststop"))
    document["linux"]["namespaces"] = [{"type": kind} for kind in ("pid", "mount", "cgroup")]
    del document["hostname"]  # the host's, without a "uts" namespace
    return Container("crun", name, directory / name, document).log_hooks()


def bundle_of_runc(directory: Path, number: int) -> Container:
    """Make one with all that containers have; its hooks' complaints are kept as crun keeps them."""
    name = f"runc-{number}"
    container = Container("runc", name, directory / name, config(name, SLEEP))
    program = container.bundle / "kept"
    said = container.bundle / "hooks"
    program.write_text(f'#!/bin/sh\nexec {HOOK_PROGRAM} "$@" 2>>{said}\n')
    program.chmod(0o755)
    container.set_hooks(STAGES, str(program))
    return container


def in_parallel(
    do: Callable[[Container], object], containers: list[Container], at_a_time: int = AT_A_TIME
) -> list[object]:
    """Do it to all of them, to so many at any moment."""
    with ThreadPoolExecutor(at_a_time) as pool:
        return list(pool.map(do, containers))


@pytest.fixture(scope="module", autouse=True)
def _short_table_afterwards() -> Iterator[None]:
    """End a scheduler whose lists of cells go through thousands of slots that were once used."""
    yield
    loader.stop()


@pytest.fixture
def crowd(tmp_path: Path) -> Iterator[list[Container]]:
    """A list for containers, which are all deleted after the test, as many at a time as started."""
    made: list[Container] = []
    yield made
    in_parallel(Container.clean_up, made)


def start(container: Container) -> None:
    container.call("run", "--detach", "--bundle", os.fspath(container.bundle), container.id)


def table() -> list[Cell]:
    """Return every slot in use. list_cells() would look at the cgroups of thousands."""
    opened, size = PinnedArray("cells", Cell), Cell.LAYOUT.size
    values = opened.read_first(loader.read_record().nr_slots)
    opened.close()
    cells = [Cell.unpack(values[at : at + size]) for at in range(0, len(values), size)]
    return [cell for cell in cells if cell.state != CELL_FREE]


def start_all(containers: list[Container], at_a_time: int = AT_A_TIME) -> dict[str, list[Cell]]:
    """Start them, so many at any moment; return the live cells of each that has some."""
    in_parallel(start, containers, at_a_time)
    found: dict[str, list[Cell]] = {}
    ids = {container.id for container in containers}
    for cell in table():
        name = cell.container.rstrip(b"\0").decode()
        if cell.state == CELL_LIVE and name in ids:
            found.setdefault(name, []).append(cell)
    return found


def demand_own_cells(containers: list[Container], cells: dict[str, list[Cell]]) -> None:
    """Demand that each has one cell, of its own cgroup."""
    assert {name: [cell.cgid for cell in its] for name, its in cells.items()} == {
        container.id: [container.cgroup.stat().st_ino] for container in containers
    }
    assert len({its[0].cgid for its in cells.values()}) == len(containers)


def demand_complaints(containers: list[Container], cells: dict[str, list[Cell]]) -> None:
    """Demand a line from each that has no cell, at every stage that would register one."""
    for container in containers:
        said = complaint(container)
        if container.id in cells:
            assert said == "", container.id
            continue
        stages = ("createRuntime", "poststart")[: 2 if container.runtime == "runc" else 1]
        lines = said.splitlines()
        assert len(lines) == len(stages), said
        for line, stage in zip(lines, stages, strict=True):
            text = f"ocihook: {stage}: container {container.id}: every cell is taken"
            assert line.startswith(text), said


def demand_that_all_run(containers: list[Container]) -> None:
    """Demand it by what the runtimes say."""
    for container, state in zip(containers, in_parallel(Container.state, containers), strict=True):
        assert isinstance(state, dict)
        assert state["status"] == "running", container.id


def demand_one_task_each(containers: list[Container]) -> None:
    for container in containers:
        assert len((container.cgroup / "cgroup.procs").read_text().split()) == 1, container.id


def delete_all(crowd: list[Container]) -> None:
    """Delete them as an engine does, as many at a time as started."""
    in_parallel(Container.delete, crowd)
    assert [container.id for container in crowd if container.cgroup.exists()] == []
    crowd.clear()


def count_in_use() -> int:
    """Return how many slots are not free, once those that drain are freed."""
    sweep()
    return len(table())


@pytest.mark.long
def test_200_starts_at_once(crowd: list[Container], tmp_path: Path) -> None:
    before = count_in_use()
    crowd += [bundle(tmp_path, number) for number in range(CONTAINERS)]
    cells = start_all(crowd)
    assert [text for container in crowd if (text := complaint(container))] == []
    demand_own_cells(crowd, cells)
    demand_one_task_each(crowd)
    delete_all(crowd)
    until(lambda: count_in_use() == before, "the cells of before: nothing has leaked")


@pytest.fixture
def places(request: pytest.FixtureRequest) -> Iterator[int]:
    """Fill the table but for so many slots, with cells of cgroups that no task is in."""
    left: int = getattr(request, "param", PLACES)
    parent = Path(CGROUPFS, PARENT, "filler")
    parent.mkdir(parents=True)
    free = OCIHOOK_MAX_CELLS - count_in_use()
    for number in range(free - left):
        cgroup = parent / str(number)
        cgroup.mkdir()
        register(CellRequest(cgid=cgroup.stat().st_ino, name=b"filler"))
    yield left
    for cgroup in parent.iterdir():
        if cgroup.is_dir():
            cgroup.rmdir()
    parent.rmdir()


@pytest.mark.long
def test_a_full_table_costs_no_container_its_life(
    places: int, crowd: list[Container], tmp_path: Path
) -> None:
    crowd += [bundle(tmp_path, number) for number in range(places + CONTAINERS)]
    cells = start_all(crowd)
    assert [len(its) for its in cells.values()] == [1] * places
    demand_that_all_run(crowd)
    demand_complaints(crowd, cells)


@pytest.mark.once
@pytest.mark.parametrize("places", [12], indirect=True)
def test_more_starts_at_once_than_places(
    places: int, crowd: list[Container], tmp_path: Path
) -> None:
    """16 of both runtimes where 12 places are left: both of the above, in small."""
    crowd += [bundle_of_runc(tmp_path, number) for number in range(4)]
    crowd += [bundle(tmp_path, number) for number in range(places)]
    cells = start_all(crowd, at_a_time=8)
    assert [len(its) for its in cells.values()] == [1] * places
    demand_own_cells([container for container in crowd if container.id in cells], cells)
    demand_that_all_run(crowd)
    demand_one_task_each(crowd)
    demand_complaints(crowd, cells)
    delete_all(crowd)
    in_use = OCIHOOK_MAX_CELLS - places
    until(lambda: count_in_use() == in_use, "the cells of before: nothing has leaked")
