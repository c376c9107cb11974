# SPDX-License-Identifier: Apache-2.0
"""Sessions that run beside the tests of this machine: in two lanes, each a thread.

A guest is a process that writes to a file, so nothing of it gets into the output of another test.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future

from .guest_run import Outcome
from .sessions import Session

LANES = 2
"""More guests at a time take longer for all of them: each wants one CPU of two."""

Run = Callable[[Session], Outcome]


class Lanes:
    """The sessions beside others, under way; those that run alone wait for their end."""

    def __init__(self, sessions: Iterable[Session], run: Run) -> None:
        """Begin."""
        self._run = run
        waiting = deque(session for session in sessions if session.beside_others)
        self._outcomes: dict[Session, Future[Outcome]] = {one: Future() for one in waiting}
        for _ in range(LANES):
            # A daemon: with the end of this process the thread ends, and with it its guest.
            threading.Thread(target=self._go_along, args=(waiting,), daemon=True).start()

    def _go_along(self, waiting: deque[Session]) -> None:
        while True:
            try:
                session = waiting.popleft()
            except IndexError:
                return
            future = self._outcomes[session]
            try:
                future.set_result(self._run(session))
            except BaseException as error:
                future.set_exception(error)

    def outcome(self, session: Session) -> Outcome:
        """Return how the session ended, as soon as it has."""
        return self._outcomes[session].result()

    def wait(self) -> None:
        """Return when every lane is at its end."""
        for future in self._outcomes.values():
            future.exception()
