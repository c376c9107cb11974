# SPDX-License-Identifier: Apache-2.0
"""Start the installed hook program in whatever state a runtime may hand over, and look what stays.

The program is the file that ``ocihook install`` writes, run by its ``#!`` line as runtimes run it.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import ocihook
from ocihook.install import launcher

TIMEOUT_S = 30

CAP_SYS_RESOURCE = 24
PR_CAPBSET_DROP = 24
"""include/uapi/linux/capability.h, prctl.h"""


class Ended(NamedTuple):
    """How the program ended; `left` names what was there afterwards and should not be."""

    status: int
    lines: list[str]
    stdout: bytes
    left: list[str]


class Program:
    """The program in a directory of its own, which is its HOME, TMPDIR and working directory."""

    def __init__(self, directory: Path) -> None:
        self.home = directory / "home"
        self.home.mkdir()
        self.path = directory / "ocihook-hook"
        self.path.write_bytes(launcher.text())
        self.path.chmod(0o755)

    def run(
        self,
        state: dict[str, Any] | None = None,
        *,
        stage: str = "createRuntime",
        before: Callable[[], object] | None = None,
        wrap: tuple[str, ...] = (),
        **options: Any,
    ) -> Ended:
        """Run it with ``state`` on standard input, or with the ``stdin`` of subprocess.

        ``before`` is called between fork and exec, ``wrap`` is a command that runs the program.
        """
        places = {"PATH": os.defpath, "HOME": str(self.home), "TMPDIR": str(self.home)}
        package = Path(ocihook.__file__).parent
        files = set(package.rglob("*"))
        if state is not None:
            options["stdin"] = subprocess.PIPE
        process = subprocess.Popen(
            [*wrap, str(self.path), stage],
            preexec_fn=before,
            start_new_session=True,
            **{
                "env": places, "cwd": self.home, "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE, **options,
            },
        )  # fmt: skip
        try:
            data = None if state is None else json.dumps(state).encode()
            stdout, stderr = process.communicate(data, timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
        finally:
            process.kill()
        left = [f"process {pid}" for pid in in_session(process.pid)]
        left += [str(path) for path in {*package.rglob("*"), *self.home.rglob("*")} - files]
        lines = (stderr or b"").decode("ascii").splitlines()
        return Ended(process.returncode, lines, stdout or b"", left)


def without_raising() -> None:
    """Take away what raises a hard limit, from the next exec on; others than root never have it."""
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE, 0, 0, 0)


def in_session(session: int) -> list[int]:
    """Return the processes of a session (proc(5), field 6 of stat), ended ones included."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            text = (entry / "stat").read_text() if entry.name.isdigit() else ""
        except (FileNotFoundError, ProcessLookupError):
            continue
        if text and int(text.rpartition(")")[2].split()[3]) == session:
            found.append(int(entry.name))
    return found


def full_pipe() -> tuple[int, int]:
    """Return both ends of a pipe that takes no byte more, and blocks whoever tries."""
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    for chunk in (bytes(4096), b"\0"):
        try:
            while True:
                os.write(write_end, chunk)
        except BlockingIOError:
            continue
    os.set_blocking(write_end, True)
    return read_end, write_end
