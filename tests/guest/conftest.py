# SPDX-License-Identifier: Apache-2.0
"""The world of the guest's tests: one scheduler a session, containers of real runtimes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from bundle import BURN, Container, config
from hang import MARGIN_S, Watch

from ocihook.paths import SCHED_EXT
from ocihook.sched.cells import list_cells
from ocihook.sched.loader import start
from ocihook.sched.status import scheduler_status

RUNTIMES = ("runc", "crun")

WATCH_S = float(os.environ.get("OCIHOOK_TEST_WATCH_S", "8"))
"""How long the scheduler is watched where that is a matter of thoroughness."""

LONG_S = 60.0
"""What ``./dev test --all-kernels`` makes of WATCH_S; tests may then take their time elsewhere."""


def ocihook(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the installed command."""
    done = subprocess.run(
        ["ocihook", *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    if check and done.returncode:
        raise AssertionError(f"{done.args}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def cells_of(container: str) -> list[dict[str, Any]]:
    """Return the live cells of a container id, as ``ocihook cells --json`` has them.

    In this process: the command takes seconds to start on an emulated CPU. What it prints is
    compared with its schema in test_scheduler.py.
    """
    return [
        cell
        for cell in list_cells()
        if cell["state"] == "live"
        and container in (cell["container"], *(each["container"] for each in cell["members"]))
    ]


def kernel_state() -> str:
    return Path(SCHED_EXT, "state").read_text().strip()


def enable_seq() -> str:
    """Return how often any scheduler was attached since boot."""
    return Path(SCHED_EXT, "enable_seq").read_text().strip()


@pytest.fixture(scope="session")
def watch() -> Iterator[Watch]:
    """Watch this session from a process of its own."""
    made = Watch()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _watched(watch: Watch, request: pytest.FixtureRequest) -> Iterator[None]:
    own = request.node.get_closest_marker("timeout")
    seconds = float(own.args[0] if own else request.config.getini("timeout"))
    with watch.over(request.node.nodeid, seconds + MARGIN_S):
        yield


@pytest.fixture(scope="session", autouse=True)
def installed() -> Iterator[None]:
    """Install the hook program and the hooks.d files for the session."""
    ocihook("install")
    yield
    ocihook("uninstall")


@pytest.fixture
def scheduler() -> Iterator[None]:
    """Run the scheduler, and demand that the test did not get it ejected."""
    start()
    attached = enable_seq()
    yield
    document = scheduler_status()
    assert document["state"] == "running", document["exit"]
    assert enable_seq() == attached


@pytest.fixture(scope="session", autouse=True)
def _stopped_at_the_end() -> Iterator[None]:
    yield
    ocihook("scheduler", "stop", check=False)


@pytest.fixture(params=RUNTIMES)
def runtime(request: pytest.FixtureRequest) -> str:
    """Each runtime in turn."""
    name: str = request.param
    return name


Make = Callable[..., Container]


@pytest.fixture
def make(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Make]:
    """Return a maker of containers, all removed after the test."""
    made: list[Container] = []
    prefix = "".join(c if c.isalnum() else "-" for c in request.node.name)[:40]

    def maker(
        runtime: str, name: str = "c", command: tuple[str, ...] = BURN, **options: Any
    ) -> Container:
        container = f"{prefix}-{name}"
        document = config(container, command, **options)
        made.append(Container(runtime, container, tmp_path / container, document))
        return made[-1]

    yield maker
    for container in made:
        container.kill_tasks()
    for container in made:
        container.clean_up()
