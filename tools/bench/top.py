# SPDX-License-Identifier: Apache-2.0
"""What `ocihook top` costs: its CPU time on a terminal of 80 by 24, at the default interval.

The cells are those of ``dispatch.py``: 20 busy ones, alone and among 480 idle ones. It starts once,
and its start does not count. As many CPUs as where the delays are measured: on more than the host
has cores, what the host takes from a running task counts as that task's.
"""

from __future__ import annotations

import os
import pty
import subprocess
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .dispatch import BUSY, FEW, LIVE, MANY, busy_cells
from .group import PROBE
from .topic import Bar, Figures, Topic, figure
from .variant import Variant, Want

COST = "CPU time (% of a CPU)"
START_S = 30
"""How long it may take to start and to draw twice: Python starts in seconds on an emulated CPU."""

WINDOW_S = 40
"""Eight of its intervals."""


@contextmanager
def _live() -> Iterator[subprocess.Popen[bytes]]:
    """Run it on a terminal of its own, whose output somebody reads."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 80))

    def drain() -> None:
        try:
            while os.read(master, 65536):
                pass
        except OSError:
            pass  # the terminal's other end is closed

    reader = threading.Thread(target=drain, daemon=True)
    reader.start()
    with subprocess.Popen(["ocihook", "top"], stdin=slave, stdout=slave, stderr=slave) as program:
        os.close(slave)
        try:
            yield program
        finally:
            program.terminate()
            program.wait()
    reader.join(5)
    os.close(master)


def _cpu_s(pid: int) -> float:
    """Return the CPU time of a process: schedstat has it in nanoseconds, all of its one thread."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def measure(variant: Variant) -> Figures:
    """Return its CPU time in percent of the time that passed."""
    with busy_cells(variant, LIVE - BUSY if variant.name == MANY else 0) as busy:
        for group in busy:
            group.start(f"exec {PROBE} yield")
        with _live() as program:
            time.sleep(START_S)
            began_s, used_s = time.monotonic(), _cpu_s(program.pid)
            time.sleep(WINDOW_S)
            if program.poll() is not None:
                raise RuntimeError(f"ocihook top: exit status {program.returncode}")
            percent = (_cpu_s(program.pid) - used_s) / (time.monotonic() - began_s) * 100
    return {COST: percent}


TOPIC = Topic(
    name="top",
    title=f"ocihook top, {BUSY} busy cells alone and among {LIVE - BUSY} idle ones",
    cpus=2,
    variants=tuple(Variant(name, True, (Want(),) * BUSY) for name in (FEW, MANY)),
    measure=measure,
    bars=(Bar(f"ocihook top at {LIVE} cells", "<", 1, "%", figure(COST, MANY)),),
)
