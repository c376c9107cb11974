# SPDX-License-Identifier: Apache-2.0
"""What the kernel says of its sched_ext class, and what takes a scheduler out of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from waiting import until

from ocihook._bpf.scheduler_object import SchedulerObject
from ocihook.paths import SCHED_EXT


def kernel_state() -> str:
    """Return disabled, enabling, enabled or disabling."""
    return Path(SCHED_EXT, "state").read_text().strip()


def enable_seq() -> str:
    """Return how often any scheduler was attached since boot."""
    return Path(SCHED_EXT, "enable_seq").read_text().strip()


def eject() -> None:
    """Have the kernel take the scheduler out, and wait until it has."""
    # Documentation/admin-guide/sysrq.rst: S takes a sched_ext scheduler out.
    Path("/proc/sysrq-trigger").write_text("S")
    until(lambda: kernel_state() == "disabled", "the ejection", seen=kernel_state)


@contextmanager
def foreign_scheduler() -> Iterator[SchedulerObject]:
    """Attach another scheduler: ours, unpinned, under another name of the same length."""
    image = files("ocihook._bpf").joinpath("ocihook.bpf.o").read_bytes()
    name = b"ocihook".ljust(128, b"\0")
    assert image.count(name) == 1, "the name member of the struct_ops"
    with SchedulerObject(image.replace(name, b"foreign".ljust(128, b"\0"))) as scheduler:
        scheduler.load()
        scheduler.attach_ops()
        yield scheduler
