# SPDX-License-Identifier: Apache-2.0
"""End a session in which a test hangs, with what the kernel says of it.

pytest-timeout ends a test that waits. It cannot end one that waits for a process which not even
SIGKILL ends; the session would hang until the guest is given up, and nobody would learn why.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

MARGIN_S = 60
"""So long after the end of its time a test may still be there."""


class Watch:
    """A process that ends this one when its time is up: a thread would stand in a fork's way."""

    def __init__(self) -> None:
        """Start it."""
        command = [sys.executable, "-IS", __file__, str(os.getpid())]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE)

    def close(self) -> None:
        """End it."""
        self._process.communicate()

    @contextmanager
    def over(self, name: str, seconds: float) -> Iterator[None]:
        """Give what follows so many seconds."""
        self._say(f"{seconds} {name}")
        try:
            yield
        finally:
            self._say("0 -")

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        self._process.stdin.flush()


def kernel_report() -> str:
    """Return what the kernel logs when it is asked for blocked tasks and what the CPUs run."""
    log = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
    os.lseek(log, 0, os.SEEK_END)
    for command in "wl":
        Path("/proc/sysrq-trigger").write_text(command)
    time.sleep(2)
    lines: list[str] = []
    while True:
        try:
            record = os.read(log, 8192)
        except BlockingIOError:
            return "\n".join(lines)
        except BrokenPipeError:
            continue  # it was faster than we are; the next read goes on with the oldest there is
        lines += record.decode(errors="replace").partition(";")[2].splitlines()[:1]


def _end(pid: int, name: str) -> NoReturn:
    print(f"\n{name} hangs; the kernel says:\n{kernel_report()}", file=sys.stderr, flush=True)
    os.kill(pid, signal.SIGKILL)
    raise SystemExit(1)


def _watch(pid: int) -> None:
    name, until_s = b"", 0.0
    while True:
        left_s = max(until_s - time.monotonic(), 0) if until_s else None
        if not select.select([0], [], [], left_s)[0]:
            _end(pid, name.decode())
        said = os.read(0, 65536)
        if not said:
            return
        seconds, _, name = said.splitlines()[-1].partition(b" ")
        until_s = time.monotonic() + float(seconds) if float(seconds) else 0.0


if __name__ == "__main__":
    _watch(int(sys.argv[1]))
