# SPDX-License-Identifier: Apache-2.0
"""What holds for every input: what reads it ends, and with a status that is documented."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from ocihook import errors

DOCUMENTED = {0} | {
    kind.exit_code
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.OcihookError)
} - {os.EX_SOFTWARE}
"""What errors.py says that a program may end with, without the code of internal errors."""

HANG_S = 10.0
"""CPU time after which one case counts as hanging, at the latest."""


class Hang(BaseException):
    """A case does not end. No Exception: what is tested would report that as its own failure."""


class Watch:
    """Knows which case is being tried, and raises ``Hang`` where that is the same for too long."""

    def __init__(self) -> None:
        self.case: tuple[object, ...] | None = None
        self._seen: tuple[object, ...] | None = None

    def begins(self, *case: object) -> None:
        """Take note of the case that is tried from now on."""
        self.case = case

    def ends(self) -> None:
        """Take note that it has ended."""
        self.case = None

    def look(self, _signum: int, _frame: FrameType | None) -> None:
        """Raise where nothing has happened since the last look."""
        if self.case is None or self.case is not self._seen:
            self._seen = self.case
            return
        raise Hang(*self.case)


@contextmanager
def watched() -> Iterator[Watch]:
    """Return the watch, which looks while the context lasts."""
    watch = Watch()
    before = signal.signal(signal.SIGVTALRM, watch.look)
    # One timer for all cases: setting it for each takes as long as some of them.
    signal.setitimer(signal.ITIMER_VIRTUAL, HANG_S / 2, HANG_S / 2)
    try:
        yield watch
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
