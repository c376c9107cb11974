# SPDX-License-Identifier: Apache-2.0
"""Have the kernel dump sched_ext: what sysrq-D writes to the tracepoint ``sched_ext_dump``.

In an instance of tracefs that is ours (Documentation/trace/ftrace.rst, Instances): whoever traces
something meanwhile keeps buffer and settings, and sees nothing of it.
"""

import errno
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ocihook import procfs
from ocihook.errors import SchedulerUnavailable, SystemCallError
from ocihook.sched import probe

TRACEFS = "/sys/kernel/tracing"
SYSRQ = "/proc/sysrq-trigger"
EVENT = "events/sched_ext/sched_ext_dump/enable"

_WRITTEN = re.compile(r"# entries-in-buffer/entries-written: (\d+)/(\d+)")
_LINE = "sched_ext_dump: "


class Dump(NamedTuple):
    """The lines of a dump as the kernel indents them; and of those before, how many were lost."""

    lines: list[str]
    lost: int


def dump_scheduler(tracefs: str = TRACEFS, sysrq: str = SYSRQ) -> Dump:
    """Return what the kernel and the scheduler tell of CPUs, cells and tasks.

    tracefs is mounted for it where it is not, and everything is left as it was.

    Raises:
        SchedulerUnavailable: no sched_ext scheduler runs, or the kernel cannot trace it.
        SystemCallError: not for this user, or the kernel refuses.
    """
    probe.require_sched_ext()
    if os.geteuid() != 0:
        raise SystemCallError("a dump of the scheduler", errno.EPERM, "run this command as root")
    if probe.running_ops() is None:
        raise SchedulerUnavailable(
            "no sched_ext scheduler runs", "start one with: ocihook scheduler start"
        )
    try:
        with _mounted(tracefs), _instance(tracefs) as instance:
            (instance / EVENT).write_text("1")
            Path(sysrq).write_text("D")
            return parse((instance / "trace").read_bytes().decode(errors="replace"))
    except OSError as error:
        what = error.filename or "dump"
        raise SystemCallError(f"{what}", error.errno or 0, "see: dmesg") from None


def parse(trace: str) -> Dump:
    """Return the dump that is in the text of a ``trace`` file of tracefs."""
    found = [line.split(_LINE, 1)[1] for line in procfs.lines(trace) if _LINE in line]
    counts = _WRITTEN.search(trace)
    return Dump(found, int(counts[2]) - int(counts[1]) if counts else 0)


@contextmanager
def _mounted(tracefs: str) -> Iterator[None]:
    if os.path.exists(f"{tracefs}/instances"):
        yield
        return
    if not os.path.isdir(tracefs):
        raise SchedulerUnavailable(
            f"{tracefs}: the kernel has no tracefs", "boot a kernel built with CONFIG_TRACING=y"
        )
    done = subprocess.run(
        ["mount", "-t", "tracefs", "nodev", tracefs], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SchedulerUnavailable(
            f"{tracefs}: cannot be mounted: {done.stderr.strip()}", "mount tracefs by hand"
        )
    try:
        yield
    finally:
        subprocess.run(["umount", tracefs], capture_output=True, check=False)


@contextmanager
def _instance(tracefs: str) -> Iterator[Path]:
    directory = Path(tracefs, "instances", f"ocihook-{os.getpid()}")
    directory.mkdir()
    try:
        if not (directory / EVENT).exists():
            raise SchedulerUnavailable(
                f"{directory / EVENT}: there is none", "the kernel has no such tracepoint"
            )
        yield directory
    finally:
        directory.rmdir()
