# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ocihook.errors import InstallError
from ocihook.install import launcher


def test_text_starts_the_real_interpreter_isolated() -> None:
    first_line = launcher.text().splitlines()[0].decode()
    assert first_line.endswith(" -IS")
    program = Path(first_line.removeprefix("#!").removesuffix(" -IS"))
    assert program.is_file()
    assert os.access(program, os.X_OK)
    assert "shims" not in program.parts


def test_interpreter_is_not_the_one_of_a_virtual_environment() -> None:
    chosen = launcher.find_interpreter()
    assert chosen.samefile(getattr(sys, "_base_executable", sys.executable))
    assert not (chosen.parent.parent / "pyvenv.cfg").exists()


def test_the_systems_name_is_preferred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = tmp_path / "python3"
    link.symlink_to(launcher.find_interpreter().resolve())
    monkeypatch.setattr(launcher, "SYSTEM_PYTHON", link)
    assert launcher.find_interpreter() == link


def test_another_python_is_named_by_its_real_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launcher, "SYSTEM_PYTHON", tmp_path / "nonexistent")
    chosen = launcher.find_interpreter()
    assert chosen == chosen.resolve()


def test_module_directories_hold_the_modules() -> None:
    directories = launcher.module_directories()
    assert any((directory / "ocihook" / "hook" / "main.py").is_file() for directory in directories)
    assert any(list(directory.glob("_cffi_backend*.so")) for directory in directories)


def test_a_module_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher, "find_spec", lambda name: None)
    with pytest.raises(InstallError, match="module ocihook: not found as a file"):
        launcher.module_directories()


@pytest.mark.parametrize("path", ["/a b/python3", "/" + "x" * 250 + "/python3"])
def test_an_interpreter_that_a_first_line_cannot_name(path: str) -> None:
    with pytest.raises(InstallError, match="a #! line cannot name this interpreter"):
        launcher.text(Path(path))


def test_is_ours() -> None:
    assert launcher.is_ours(launcher.text())
    assert not launcher.is_ours(b"")
    assert not launcher.is_ours(b"#!/bin/sh\nexec true\n")


def test_it_runs_as_a_file(tmp_path: Path) -> None:
    program = tmp_path / "ocihook-hook"
    program.write_bytes(launcher.text())
    program.chmod(0o755)
    run = subprocess.run(
        [program, "createRuntime"], input=b"", capture_output=True, timeout=30, check=False, env={}
    )
    assert run.returncode == 0
    assert run.stderr == b"ocihook: createRuntime: state: empty\n"


def test_our_modules_come_after_those_of_the_interpreter() -> None:
    """A json.py or typing.py beside the package must not take the place of the real one."""
    text = launcher.text().decode()
    assert "sys.path += [" in text
    assert "insert" not in text
