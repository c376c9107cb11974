# SPDX-License-Identifier: Apache-2.0
"""The command line: as a process of its own, or in this one, which saves its start of 2 to 3 s."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
from collections.abc import Callable

from bundle import TIMEOUT_S

from ocihook import cli

Done = subprocess.CompletedProcess[str]

Configure = Callable[[str], None]
"""The fixture ``configure`` of conftest.py: a configuration's text."""


def ocihook(*arguments: str, check: bool = True) -> Done:
    """Run the installed command, where the process itself is the subject; see ``command``."""
    done = subprocess.run(
        ["ocihook", *arguments], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    return _checked(done) if check else done


def command(*arguments: str, check: bool = True) -> Done:
    """Run the command line in this process: the same code, output and exit status."""
    stdout, stderr = io.StringIO(), io.StringIO()
    before, sys.argv = sys.argv, ["ocihook", *arguments]
    status: int | str | None = 0
    try:
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
            cli.main()
    except SystemExit as ended:
        status = ended.code
    finally:
        sys.argv = before
    assert isinstance(status, int), f"exit status {status!r}"
    done = Done(["ocihook", *arguments], status, stdout.getvalue(), stderr.getvalue())
    return _checked(done) if check else done


def _checked(done: Done) -> Done:
    if done.returncode:
        raise AssertionError(f"{done.args}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done
