# SPDX-License-Identifier: Apache-2.0
"""Hooks in whatever order and number runtimes call them, up to and including start.

poststart comes before ``start`` under runc up to 1.5.1, after the workload has begun under crun,
after it has ended where it is short, or not at all (runc restore); createRuntime alone is enough
(test_lifecycle.py), as is poststart alone (test_poststop.py).
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from bundle import STAGES, Container, Make, hook_entries
from cells import cells_of
from hook_calls import SILENT, Recorder, call_hook, identity, only_cell, wait_for_end_of_cells
from waiting import until

pytestmark = [pytest.mark.runtime, pytest.mark.usefixtures("scheduler")]

SLEEP = ("/bin/sleep", "1000")


def demand_stages(container: Container, recorder: Recorder, created: list[str], pid: int) -> None:
    """Demand the order of the stages, and the state that each was given."""
    runc = container.runtime == "runc"
    assert recorder.stages() == ["prestart", "createRuntime", "poststart", "poststop"]
    assert created == recorder.stages()[: 3 if runc else 2]
    states = dict(recorder.calls())
    expected = ("creating", "created") if runc else ("created", "running")
    assert (states["createRuntime"]["status"], states["poststart"]["status"]) == expected
    assert states["createRuntime"]["pid"] == states["poststart"]["pid"] == pid
    assert states["poststop"]["status"] == "stopped"
    assert not states["poststop"].get("pid")
    assert {state["bundle"] for state in states.values()} == {os.fspath(container.bundle)}


def demand_stages_inside(container: Container, recorder: Recorder) -> None:
    """Run it with hooks in its own mount namespace, where the recorder is bound to its own path.

    They register nothing: neither does crun restore, which calls no hooks. The container is the
    host's, and not in a cell of its past. Nor does poststop mind.
    """
    inside = ("createContainer", "startContainer")
    document = container.document()
    path = str(recorder.program.parent)
    bind = {"destination": path, "type": "bind", "source": path, "options": ["rbind", "rw"]}
    document["mounts"].append(bind)
    document["hooks"] = hook_entries(inside, str(recorder.program)) | hook_entries(("poststop",))
    container.write(document)
    container.run()
    until(lambda: recorder.stages() == list(inside), "both stages", seen=recorder.stages)
    assert container.state()["status"] == "running"
    assert cells_of(container.id) == []
    container.delete()
    assert not container.cgroup.exists()
    assert call_hook("poststop", container, "stopped", id="never-seen") == SILENT


def test_a_hook_at_every_stage(runtime: str, make: Make, tmp_path: Path) -> None:
    """The stages that we do not know are let pass, also inside of the container."""
    recorder = Recorder(tmp_path / "outside")
    weight = {"org.ocihook/weight": "33"}
    container = make(runtime, command=SLEEP, hooks=recorder.hooks(), annotations=weight).create()
    created, created_stages = identity(container), recorder.stages()
    assert only_cell(container)["weight"] == 33
    pid = container.state()["pid"]
    for _ in range(2):
        assert call_hook("poststart", container, "created", pid=pid) == SILENT
    container.start()
    assert identity(container) == created, "the runtime's own poststart keeps the cell"
    for _ in range(2):
        assert call_hook("poststart", container, "running", pid=pid) == SILENT
    assert identity(container) == created
    assert only_cell(container)["weight"] == 33
    assert container.state()["pid"] == pid
    container.delete()
    assert cells_of(container.id) == []
    assert not container.cgroup.exists()
    demand_stages(container, recorder, created_stages, pid)
    demand_stages_inside(container, Recorder(tmp_path / "inside"))


def test_poststart_after_the_end(runtime: str, make: Make) -> None:
    """crun says "running" of a process that is gone; runc's main leaves the pid out.

    Then the same with the runtime in the foreground: the container ends before, while or after
    poststart runs, and nothing tells which.
    """
    container = make(runtime, command=("/bin/true",), stages=("createRuntime",)).create()
    pid = container.state()["pid"]
    before = identity(container), only_cell(container)["weight"]
    container.start()
    until(lambda: not Path(f"/proc/{pid}").exists(), "the workload's end")
    assert call_hook("poststart", container, "running", pid=pid) == SILENT
    assert call_hook("poststart", container, "stopped", pid=0) == SILENT
    assert call_hook("poststart", container, "stopped") == SILENT
    after = identity(container), only_cell(container)["weight"]
    assert after == before, "as long as the cgroup is there"
    container.delete()

    container.set_hooks(STAGES)
    done = subprocess.run(
        [runtime, "run", "--bundle", os.fspath(container.bundle), container.id],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert not container.cgroup.exists()
    wait_for_end_of_cells(container)
