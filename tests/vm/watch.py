# SPDX-License-Identifier: Apache-2.0
"""What a guest does and until when, as the guest itself announced it while it still could.

Lines come through a port of the guest: ``SECONDS NAME`` gives what begins now so many seconds, and
``0 -`` is the end of the last announcement. tests/guest/hang.py writes them. The time is kept here,
since a guest that hangs cannot keep it.
"""

from __future__ import annotations

import math
import time


class Watch:
    """The last announcement of a guest."""

    def __init__(self) -> None:
        """Begin without one."""
        self.name = ""
        self.until_s = math.inf
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Take in what came through the port; a line may come in pieces."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            seconds, _, name = line.decode(errors="replace").partition(" ")
            try:
                bound_s = float(seconds)
            except ValueError:
                continue  # not an announcement: the port is open to all that run in the guest
            self.name = name
            self.until_s = time.monotonic() + bound_s if bound_s > 0 else math.inf

    def is_over(self) -> bool:
        """Return whether that which was announced last should have ended."""
        return time.monotonic() >= self.until_s
