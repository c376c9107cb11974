# SPDX-License-Identifier: Apache-2.0
"""poststop as it comes in real life: twice, late, for nothing, or for somebody of the same name.

CRI-O calls it when the container is removed, minutes after its end (cri-o #9732); podman called it
twice (podman #9983); youki calls it again when it failed. An engine that restarts a container uses
its id and its bundle again (podman #17935).
"""

from __future__ import annotations

import shutil

import pytest
from bundle import Container
from conftest import Make, cells_of
from hook_calls import SILENT, call_hook, wait_until

pytestmark = pytest.mark.usefixtures("scheduler")

SLEEP = ("/bin/sleep", "1000")


def identity(container: Container) -> tuple[int, int, int]:
    (cell,) = cells_of(container.id)
    return cell["cell"], cell["generation"], cell["cgid"]


def test_poststop_twice_touches_nobody_else(runtime: str, make: Make) -> None:
    other = make(runtime, "other", SLEEP).run()
    gone = make(runtime, "gone", SLEEP).run()
    before = identity(other)
    gone.delete()
    for _ in range(2):
        assert call_hook("poststop", gone, "stopped") == SILENT
    assert cells_of(gone.id) == []
    assert identity(other) == before


def test_late_poststop_leaves_the_new_container_alone(runtime: str, make: Make) -> None:
    """The same id and the same bundle: only the cgroup tells the two apart."""
    container = make(runtime, command=SLEEP).run()
    first = identity(container)
    container.delete()
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


def test_poststop_without_a_registration(runtime: str, make: Make) -> None:
    """ocihook was installed while the container ran, or createRuntime could not register it."""
    container = make(runtime, command=SLEEP, stages=("poststop",)).run()
    assert cells_of(container.id) == []
    container.delete()
    assert not container.cgroup.exists()
    assert call_hook("poststop", container, "stopped", id="never-seen") == SILENT


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


def test_same_id_again_though_poststop_never_ran(runtime: str, make: Make) -> None:
    """As after a crash of the engine: tasks, cgroup and its own state are cleaned up by others."""
    container = make(runtime, command=SLEEP).run()
    container.kill_tasks()
    container.cgroup.rmdir()
    shutil.rmtree(f"/run/{runtime}/{container.id}")
    wait_until(lambda: not cells_of(container.id), "the cell's end")
    container.run()
    assert identity(container)[2] == container.cgroup.stat().st_ino
