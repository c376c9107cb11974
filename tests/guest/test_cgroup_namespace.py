# SPDX-License-Identifier: Apache-2.0
"""A scheduler that was loaded from inside a container, and hooks that run in one.

The loader sees its own part of the cgroup tree: its root is the container's cgroup. What lies above
or beside is the host's, and has to go on as if nothing were different. Before 6.18 (kernel commit
2c8951339506) bpf_cgroup_from_id() finds only what the caller's namespace shows.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from bundle import BURN, TIMEOUT_S, Container, Make
from cells import cells_of, freeze
from converge import Use, cgroup_use, demand_progress
from kernel import enable_seq, kernel_state
from load import tasks_of
from session import RUNTIMES, THOROUGH

from ocihook._bpf.pinned import cell_of
from ocihook.sched import loader
from ocihook.sched.loader import read_record

pytestmark = pytest.mark.once

NESTED = """
import sys
from pathlib import Path
sys.path.insert(0, "/with/tests/guest")
from bundle import Container, burn, config
# As engines in containers do: a cgroup with controllers for its children has no tasks itself.
Path("/sys/fs/cgroup/engine").mkdir(exist_ok=True)
Path("/sys/fs/cgroup/engine/cgroup.procs").write_text("0")
made = []
for runtime in ("runc", "crun"):
    name = "nested-" + runtime
    document = config(name, burn(1), annotations={"org.ocihook/weight": "200"})
    document["linux"]["cgroupsPath"] = "/nested/" + name
    made.append(Container(runtime, name, Path(sys.argv[1], name), document).create())
for container in made:
    container.start()
"""
"""What an engine in the container does: run containers of its own, in its own namespaces."""


class Nested(NamedTuple):
    """A container of the engine's, as a party."""

    cgroup: Path

    def use(self) -> Use:
        """Return its CPU time and its slices."""
        return cgroup_use(self.cgroup)


def exec_in(container: Container, *command: str) -> str:
    """Run a command in the container, as `exec` does; return what it printed, errors included."""
    done = subprocess.run(
        [container.runtime, "exec", container.id, *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(params=RUNTIMES if THOROUGH else ("crun",))
def engine(request: pytest.FixtureRequest, make: Make, tmp_path: Path) -> Iterator[Container]:
    """A container that runs containers: without hooks of ours, so it has no cell itself."""
    loader.stop()
    shared = tmp_path / "shared"
    shared.mkdir()
    sleep = ("/bin/sleep", "10000")
    container = make(request.param, "engine", sleep, stages=(), engine=shared).run()
    yield container
    container.kill_tasks()
    for directory, _, _ in os.walk(container.cgroup, topdown=False):
        os.rmdir(directory)
    loader.stop()


def test_scheduler_loaded_from_inside_a_container(
    make: Make, engine: Container, tmp_path: Path
) -> None:
    # All are made before the first one burns: on two emulated CPUs each step takes its time.
    before = make("crun", "before", stages=("createRuntime", "poststop")).create()
    started = exec_in(engine, "ocihook", "scheduler", "start")
    assert started == "scheduler started, 0 cells restored\n", "marks outside are not seen"
    attached = enable_seq()
    assert read_record().root_cgid == engine.cgroup.stat().st_ino

    after = make("runc", "after").create()
    exec_in(engine, "python3", "-P", "-c", NESTED, os.fspath(tmp_path / "shared"))
    nested = {f"nested-{name}": engine.cgroup / f"nested/nested-{name}" for name in RUNTIMES}
    freeze(engine.cgroup, True)
    for name, cgroup in nested.items():
        (cell,) = cells_of(name)
        assert (cell["cgid"], cell["weight"]) == (cgroup.stat().st_ino, 200)

    host_task = subprocess.Popen(BURN)
    try:
        before.start()
        after.start()
        freeze(engine.cgroup, False)
        # The host has 0.4 of the 2 CPUs, for `before`, the task and this process, so the first gets
        # 0.13 at least; a quarter of the average is 0.11.
        inside = [Nested(cgroup) for cgroup in nested.values()]
        demand_progress([before, after, *inside])
        assert cell_of(host_task.pid).cell == 0
        assert cell_of(tasks_of(before.cgroup)[0]).cell == 0
        assert cell_of(tasks_of(after.cgroup)[0]).cell == cells_of(after.id)[0]["cell"]
    finally:
        host_task.kill()
        host_task.wait()
    before.kill_tasks()
    # Beside busy tasks, each command of the engine's is minutes of an emulated CPU.
    for cgroup in (after.cgroup, *nested.values()):
        freeze(cgroup, True)
    exec_in(engine, "ocihook", "gc")
    for name in (*nested, after.id):
        assert len(cells_of(name)) == 1, "what the caller cannot see is not dead"
    listed = json.loads(exec_in(engine, "ocihook", "cells", "--json"))
    paths = {cell["container"]: cell["cgroup"] for cell in listed}
    assert paths[""] == "/", "the host's cell, at the loader's root"
    assert paths["nested-crun"] == "/nested/nested-crun"
    assert (kernel_state(), enable_seq()) == ("enabled", attached)

    assert exec_in(engine, "ocihook", "scheduler", "stop") == "scheduler stopped\n"
    for cgroup in (after.cgroup, *nested.values()):
        freeze(cgroup, False)
    # `after` may have a CPU for itself now: nothing has to take it off that.
    demand_progress([after, *inside], slices=0)
