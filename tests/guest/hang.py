# SPDX-License-Identifier: Apache-2.0
"""Announce to the rig outside which test runs and for how long it may.

pytest-timeout ends a test that waits. It cannot end one that waits for a process which not even
SIGKILL ends, nor one that gets no CPU time. The rig can: it keeps the time, asks the kernel what
blocks, and ends the guest (tests/vm/watch.py).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager

MARGIN_S = 60
"""So long after the end of its time a test may still be there."""

BETWEEN_S = 300
"""So long a session may be between two tests: what belongs to no single test."""


class Watch:
    """The guest's port to the rig."""

    def __init__(self) -> None:
        """Open it; one program at a time can have it open (virtio_console)."""
        # Without the rig, tests can be collected.
        port = os.environ.get("RIG_WATCH", os.devnull)
        self._port = os.open(port, os.O_WRONLY | os.O_NONBLOCK)

    def close(self) -> None:
        """Announce that there is nothing to watch any more."""
        self.say(0, "-")
        os.close(self._port)

    @contextmanager
    def over(self, name: str, seconds: float) -> Iterator[None]:
        """Give what follows so many seconds."""
        self.say(seconds, name)
        try:
            yield
        finally:
            self.say(BETWEEN_S, f"what follows {name}")

    def say(self, seconds: float, name: str) -> None:
        """Announce that ``name`` begins, and ends within so many seconds."""
        # After a suspend to memory the port takes no more (7.3.4, QEMU 10.0): the announcement of
        # that test holds on then, for all tests that follow.
        with contextlib.suppress(BlockingIOError):
            os.write(self._port, f"{seconds} {name}\n".encode())
