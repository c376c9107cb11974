# SPDX-License-Identifier: Apache-2.0
"""Hooks in whatever order and number runtimes call them, up to and including start.

poststart comes before ``start`` under runc up to 1.5.1, after the workload has begun under crun,
after it has ended where it is short, or not at all (runc restore); createRuntime alone is enough
(test_lifecycle.py).
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from bundle import Container, hook_entries
from conftest import Make, cells_of
from hook_calls import SILENT, Recorder, call_hook, wait_until

pytestmark = pytest.mark.usefixtures("scheduler")

SLEEP = ("/bin/sleep", "1000")


def only_cell(container: Container) -> tuple[int, int, int]:
    (cell,) = cells_of(container.id)
    return cell["cell"], cell["generation"], cell["weight"]


def test_a_hook_at_every_stage(runtime: str, make: Make, tmp_path: Path) -> None:
    """The stages that we do not know are let pass, also inside of the container."""
    recorder = Recorder(tmp_path)
    container = make(runtime, command=SLEEP, hooks=recorder.hooks()).create()
    created = only_cell(container)
    created_stages = recorder.stages()
    container.start()
    assert only_cell(container) == created
    pid = container.state()["pid"]
    container.delete()
    assert cells_of(container.id) == []

    assert recorder.stages() == ["prestart", "createRuntime", "poststart", "poststop"]
    assert created_stages == recorder.stages()[: 3 if runtime == "runc" else 2]
    states = dict(recorder.calls())
    expected = ("creating", "created") if runtime == "runc" else ("created", "running")
    assert (states["createRuntime"]["status"], states["poststart"]["status"]) == expected
    assert states["createRuntime"]["pid"] == states["poststart"]["pid"] == pid
    assert states["poststop"]["status"] == "stopped"
    assert not states["poststop"].get("pid")
    assert {state["bundle"] for state in states.values()} == {os.fspath(container.bundle)}


def test_stages_inside_of_the_container(runtime: str, make: Make, tmp_path: Path) -> None:
    """In the container's mount namespace, where the recorder is bound to its own path."""
    recorder = Recorder(tmp_path / "recorder")
    inside = ("createContainer", "startContainer")
    hooks = hook_entries(inside, str(recorder.program))
    container = make(runtime, command=SLEEP, hooks=hooks)
    document = container.document()
    path = str(recorder.program.parent)
    bind = {"destination": path, "type": "bind", "source": path, "options": ["rbind", "rw"]}
    document["mounts"].append(bind)
    container.write(document)
    container.run()
    wait_until(lambda: recorder.stages() == list(inside), "both stages")
    assert container.state()["status"] == "running"
    assert cells_of(container.id) == []


def test_poststart_before_start_and_again_after_it(runtime: str, make: Make) -> None:
    container = make(runtime, command=SLEEP, annotations={"org.ocihook/weight": "33"}).create()
    before = only_cell(container)
    assert before[2] == 33
    pid = container.state()["pid"]
    for _ in range(2):
        assert call_hook("poststart", container, "created", pid=pid) == SILENT
    container.start()
    for _ in range(2):
        assert call_hook("poststart", container, "running", pid=pid) == SILENT
    assert only_cell(container) == before


def test_poststart_after_the_end(runtime: str, make: Make) -> None:
    """crun says "running" of a process that is gone; runc's main leaves the pid out."""
    container = make(runtime, command=("/bin/true",), stages=("createRuntime",)).create()
    pid = container.state()["pid"]
    before = only_cell(container)
    container.start()
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), "the workload's end")
    assert call_hook("poststart", container, "running", pid=pid) == SILENT
    assert call_hook("poststart", container, "stopped", pid=0) == SILENT
    assert call_hook("poststart", container, "stopped") == SILENT
    assert only_cell(container) == before, "as long as the cgroup is there"


def test_short_container_leaves_nothing(runtime: str, make: Make) -> None:
    """It ends before, while or after poststart runs: nobody knows which."""
    container = make(runtime, command=("/bin/true",))
    done = subprocess.run(
        [runtime, "run", "--bundle", os.fspath(container.bundle), container.id],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert not container.cgroup.exists()
    wait_until(lambda: not cells_of(container.id), "the cell's end")


def test_restore_with_create_hooks_alone(runtime: str, make: Make) -> None:
    """runc restore runs createRuntime and no poststart; the id is that of the checkpoint."""
    container = make(runtime, command=SLEEP).run()
    before = only_cell(container)
    container.delete()
    container.set_hooks(("createRuntime",))
    container.run()
    assert only_cell(container)[:2] != before[:2]


def test_restore_without_hooks_finds_no_stale_cell(runtime: str, make: Make) -> None:
    """crun restore runs none: the container is the host's, and not in a cell of its past."""
    container = make(runtime, command=SLEEP).run()
    container.delete()
    container.set_hooks(())
    container.run()
    assert container.state()["status"] == "running"
    assert cells_of(container.id) == []
