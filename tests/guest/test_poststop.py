# SPDX-License-Identifier: Apache-2.0
"""poststop as it comes in real life: twice, late, for nothing, or for another of the same name.

CRI-O calls it when the container is removed, minutes after its end (cri-o #9732); podman called it
twice (podman #9983); youki calls it again when it failed. An engine that restarts a container uses
its id and its bundle again (podman #17935).
"""

from __future__ import annotations

import pytest
from bundle import STAGES, Container, Make
from cells import Workloads, cells_of
from hook_calls import SILENT, call_hook, identity

from ocihook._bpf.pinned import unregister
from ocihook.abi import CELL_LIVE, CELL_NODE, CellRelease

pytestmark = [pytest.mark.runtime, pytest.mark.usefixtures("scheduler")]

SLEEP = ("/bin/sleep", "1000")


def demand_that_poststop_frees(container: Container) -> None:
    """Keep the cgroup by hand, so that it is poststop that frees, and not rmdir."""
    nested = container.cgroup / "kept"
    nested.mkdir()
    container.kill_tasks()
    assert len(cells_of(container.id)) == 1
    assert call_hook("poststop", container, "stopped") == SILENT
    assert cells_of(container.id) == []
    assert container.cgroup.exists()
    nested.rmdir()


def test_late_poststop_leaves_the_new_container_alone(
    runtime: str, make: Make, cells: Workloads
) -> None:
    """The same id and the same bundle: only the cgroup tells the two apart."""
    other = cells("other")
    others = other.row()
    container = make(runtime, command=SLEEP, stages=("poststart", "poststop")).run()
    first = identity(container)  # poststart registers where createRuntime did not
    demand_that_poststop_frees(container)
    container.delete()

    container.set_hooks(STAGES)
    container.create()
    second = identity(container)
    assert second[2] != first[2]
    assert call_hook("poststop", container, "stopped") == SILENT
    assert identity(container) == second
    container.start()
    assert call_hook("poststop", container, "stopped", pid=0) == SILENT
    assert identity(container) == second
    container.delete()
    assert cells_of(container.id) == []
    for _ in range(2):
        assert call_hook("poststop", container, "stopped") == SILENT
    assert cells_of(container.id) == []
    same = ("cell", "generation", "cgid")
    assert [other.row()[name] for name in same] == [others[name] for name in same]


@pytest.mark.quick
def test_two_engines_may_use_the_same_id(make: Make) -> None:
    """Each has its own directory for state, so neither knows of the other's container."""
    first = make("runc", "first", SLEEP)
    second = make("crun", "second", SLEEP)
    second.id = first.id
    first.run()
    second.run()
    cgids = {cell["cgid"] for cell in cells_of(first.id)}
    assert cgids == {first.cgroup.stat().st_ino, second.cgroup.stat().st_ino}
    first.delete()
    assert identity(second)[2] == second.cgroup.stat().st_ino
    # Its poststop again, now that the only container of that id is another bundle's.
    assert call_hook("poststop", first, "stopped") == SILENT
    assert len(cells_of(second.id)) == 1


def test_a_cell_of_another_bundle_stays_that_has_no_tasks(cells: Workloads) -> None:
    """With tasks, it would stay for their sake: here, the bundle alone tells the two apart."""
    first, second = (
        cells(f"bundle{number}", container="of-two-engines", bundle_hash=number)
        for number in (1, 2)
    )
    assert unregister(CellRelease(container=b"of-two-engines", bundle_hash=1)) == 1
    assert (first.cell().state, second.cell().state) == (CELL_NODE, CELL_LIVE)
