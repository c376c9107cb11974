# SPDX-License-Identifier: Apache-2.0
"""Completion: what the shells' scripts get when they ask, and that the shells can read them."""

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

from ocihook.cli import completion

COMMAND = Path(sysconfig.get_path("scripts"), "ocihook")


def ask(shell: str, line: str) -> str:
    words = line.split(" ")
    done = subprocess.run(
        [COMMAND],
        env=os.environ
        | {
            completion.VARIABLE: f"complete_{shell}",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(words) - 1),
            "_TYPER_COMPLETE_ARGS": line,
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_answer(shell: str) -> None:
    shown = ask(shell, "ocihook cells s")
    assert "set" in shown
    assert "show" in shown
    assert "tree" not in shown


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_the_shell_reads_its_script(shell: str, tmp_path: Path) -> None:
    script = completion.script(shell, "made by a test")
    assert b"# made by a test\n" in script
    assert completion.VARIABLE.encode() in script
    assert script.startswith(b"#compdef ocihook\n") == (shell == "zsh")
    program = shutil.which(shell)
    if program:  # bash is everywhere
        path = tmp_path / "script"
        path.write_bytes(script)
        subprocess.run([program, "-n", path], check=True, timeout=60)


def test_bash_completes() -> None:
    """As when somebody presses the tabulator key behind the last word."""
    script = completion.script("bash", "made by a test").decode()
    press = "COMP_WORDS=(ocihook sch) COMP_CWORD=1; _ocihook_completion ocihook; "
    done = subprocess.run(
        ["bash", "-c", f'{script}\n{press} echo "${{COMPREPLY[*]}}"'],
        env=os.environ | {"PATH": f"{COMMAND.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "scheduler\n"
