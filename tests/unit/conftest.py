# SPDX-License-Identifier: Apache-2.0
"""What several unit tests need: a bundle, a state, the real hook program, the command line."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from snapshot import snapshot as snapshot

from ocihook import cli
from ocihook.install import launcher

CONFIG = {"ociVersion": "1.2.0", "linux": {"namespaces": [{"type": "cgroup"}]}}


class HookRun(NamedTuple):
    status: int
    lines: list[str]
    stdout: bytes


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    directory = tmp_path / "bundle"
    directory.mkdir()
    (directory / "config.json").write_text(json.dumps(CONFIG))
    return directory


@pytest.fixture
def gone_pid() -> int:
    """A pid that was in use a moment ago and is no more."""
    child = subprocess.Popen(["true"])
    child.wait()
    return child.pid


@pytest.fixture
def make_state(bundle: Path) -> Callable[..., dict[str, Any]]:
    def make(**members: Any) -> dict[str, Any]:
        state = {
            "ociVersion": "1.2.0",
            "id": "c1",
            "status": "creating",
            "pid": os.getpid(),
            "bundle": str(bundle),
        }
        return {key: value for key, value in {**state, **members}.items() if value is not None}

    return make


@pytest.fixture
def run_hook() -> Callable[..., HookRun]:
    """Run the text of the real launcher; `prelude` is Python that runs before it."""

    def run(stage: str | None, state: Any, *, prelude: str = "", **options: Any) -> HookRun:
        data = state if isinstance(state, bytes) else json.dumps(state).encode()
        text = launcher.text().decode()
        paths = f"import sys; sys.path += {list(map(str, launcher.module_directories()))!r}\n"
        command = [str(launcher.find_interpreter()), "-IS", "-c", paths + prelude + "\n" + text]
        done = subprocess.run(
            [*command, *([stage] if stage is not None else [])],
            input=None if "stdin" in options else data,
            capture_output=True,
            timeout=30,
            check=False,
            **options,
        )
        return HookRun(done.returncode, done.stderr.decode("ascii").splitlines(), done.stdout)

    return run


@pytest.fixture(scope="session")
def interpreter() -> str:
    """The Python that a launcher names, which is not the one of a virtual environment."""
    assert sys.version_info >= (3, 11)
    return str(launcher.find_interpreter())


class Outcome(NamedTuple):
    status: int | str | None
    stdout: str
    stderr: str


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Outcome]:
    """Run the command line in this process; some machines ask for colours in pipes."""
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["ocihook", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return Outcome(ended.value.code, *capsys.readouterr())

    return call
