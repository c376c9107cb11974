# SPDX-License-Identifier: Apache-2.0
"""What several unit tests need: a bundle, a state, the real hook program, the command line."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from snapshot import snapshot as snapshot

from ocihook import cli, paths
from ocihook.install import launcher

pytest.register_assert_rewrite("manual_pages")

CONFIG = {
    "ociVersion": "1.2.0",
    "process": {"cwd": "/", "args": ["true"]},
    "root": {"path": "/"},
    "mounts": [],
    "linux": {"namespaces": [{"type": "cgroup"}]},
}


@pytest.fixture(scope="session")
def _configurations(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Directories, one a test: pytest reads the names of all that it made before it makes one."""
    base = tmp_path_factory.mktemp("configurations")
    return (base / str(number) for number in count())


@pytest.fixture(autouse=True)
def config(monkeypatch: pytest.MonkeyPatch, _configurations: Iterator[Path]) -> Path:
    """Where the configuration is read, in this process: not this machine's."""
    directory = next(_configurations)
    directory.mkdir()
    file = directory / "config.toml"
    monkeypatch.setattr(paths, "CONFIG_FILE", str(file))
    monkeypatch.setattr(paths, "POLICY_FILE", str(directory / "run" / "policy.json"))
    return file


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
def run_hook(config: Path) -> Callable[..., HookRun]:
    """Run the text of the real launcher; `prelude` is Python that runs before it.

    It finds the configuration that is in the fixture's place, none being the rule.
    """
    places = (
        "from ocihook import paths\n"
        f"paths.CONFIG_FILE = {paths.CONFIG_FILE!r}\npaths.POLICY_FILE = {paths.POLICY_FILE!r}\n"
    )

    def run(stage: str | None, state: Any, *, prelude: str = "", **options: Any) -> HookRun:
        data = state if isinstance(state, bytes) else json.dumps(state).encode()
        text = launcher.text().decode()
        start = f"import sys; sys.path += {list(map(str, launcher.module_directories()))!r}\n"
        program = f"{start}{places}{prelude}\n{text}"
        command = [str(launcher.find_interpreter()), "-IS", "-c", program]
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


@pytest.fixture
def terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., None]:
    """Have the command line of `run` print to a terminal of so many columns, without colours."""

    def set_up(columns: int, term: str = "dumb") -> None:
        # Rich asks for COLUMNS only together with LINES.
        values = {"COLUMNS": str(columns), "LINES": "25", "TERM": term, "COLORTERM": ""}
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)

    return set_up
