# SPDX-License-Identifier: Apache-2.0
"""The installed program under environments that runtimes hand over: none, or all that they have.

youki clears it, podman does at poststop; runc and crun pass on their own where the hook names none.
The hooks.d files name one, and engines give exactly that.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hostile import Ended, Program

from ocihook.install import hooks

State = Callable[..., dict[str, Any]]

LOGS = r"""
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
__attribute__((constructor)) static void loaded(void)
{
    int fd = open(getenv("LOADED_LOG"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    (void)!write(fd, "loaded\n", 7);
    close(fd);
}
"""
"""A library that says where it is loaded."""


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


@pytest.fixture
def expected(gone_pid: int) -> Ended:
    line = f"ocihook: createRuntime: container c1: pid {gone_pid}: no such process"
    return Ended(0, [line], b"", [])


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("library")
    (directory / "logs.c").write_text(LOGS)
    command = ["cc", "-shared", "-fPIC", "-o", "liblogs.so", "logs.c"]
    subprocess.run(command, cwd=directory, check=True)
    return directory / "liblogs.so"


def of_hooks_d(stage: str) -> dict[str, str]:
    """Return the environment that the hooks.d file of a stage names."""
    entries = json.loads(hooks.hook_file(stage))["hook"]["env"]
    return dict(entry.split("=", 1) for entry in entries)


def test_empty(program: Program, make_state: State, gone_pid: int, expected: Ended) -> None:
    assert program.run(make_state(pid=gone_pid), env={}) == expected


def test_poisoned_for_python(
    program: Program, make_state: State, gone_pid: int, expected: Ended, tmp_path: Path
) -> None:
    poison = tmp_path / "poison"
    poison.mkdir()
    for name in ("os", "stat", "ocihook", "sitecustomize", "usercustomize", "_json", "_signal"):
        (poison / f"{name}.py").write_text("raise SystemExit('poisoned')\n")
    environment = {
        "PYTHONPATH": str(poison), "PYTHONHOME": "/nonexistent", "PYTHONINSPECT": "1",
        "PYTHONSTARTUP": str(poison / "os.py"), "PYTHONDEVMODE": "1", "PYTHONWARNINGS": "error",
        "PYTHONUSERBASE": str(poison), "PYTHONPYCACHEPREFIX": str(poison), "PYTHONVERBOSE": "3",
        "PYTHONPROFILEIMPORTTIME": "1", "PYTHONMALLOC": "debug", "PYTHONIOENCODING": "nonsense",
        "HOME": str(poison), "PATH": str(poison), "LC_ALL": "nonsense", "TMPDIR": "/nonexistent",
    }  # fmt: skip
    ended = program.run(make_state(pid=gone_pid), env=environment, cwd=poison)
    assert ended == expected
    assert not list(poison.glob("*/**"))


def test_somebody_elses_library_changes_nothing(
    program: Program,
    make_state: State,
    gone_pid: int,
    expected: Ended,
    library: Path,
    tmp_path: Path,
) -> None:
    """It is loaded before any code of ours runs; who sets the runtime's environment is root."""
    log = tmp_path / "log"
    environment = {"LD_PRELOAD": str(library), "LOADED_LOG": str(log)}
    ended = program.run(make_state(pid=gone_pid), env=environment)
    assert ended == expected
    assert log.exists()


@pytest.mark.parametrize("stage", hooks.STAGES)
def test_of_hooks_d_loads_nothing(
    program: Program, make_state: State, gone_pid: int, library: Path, tmp_path: Path, stage: str
) -> None:
    """What the engine has in its own environment does not come through."""
    environment = of_hooks_d(stage)
    assert set(environment) == {"PATH", "LANG"}
    log = tmp_path / "log"
    engine = {"LD_PRELOAD": str(library), "LOADED_LOG": str(log), **os.environ}
    # As the engines do: in their own environment, they start the hook with what it names alone.
    start = ("env", "-i", *(f"{name}={value}" for name, value in environment.items()))
    ended = program.run(make_state(pid=gone_pid), stage=stage, env=engine, wrap=start)
    assert (ended.status, ended.left) == (0, [])
    assert log.read_text() == "loaded\n", "in env itself, and in nothing after it"


def test_a_library_path_with_a_broken_library(
    program: Program, make_state: State, gone_pid: int, expected: Ended, tmp_path: Path
) -> None:
    """The program loader ends Python then, and the container with it: one more reason for env."""
    (tmp_path / "libm.so.6").write_bytes(b"not a library")
    poisoned = {"LD_LIBRARY_PATH": str(tmp_path)}
    ended = program.run(make_state(pid=gone_pid), env=poisoned)
    assert (ended.status, ended.stdout, ended.left) == (127, b"", [])
    assert program.run(make_state(pid=gone_pid), env=of_hooks_d("createRuntime")) == expected
