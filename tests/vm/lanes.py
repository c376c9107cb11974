# SPDX-License-Identifier: Apache-2.0
"""Sessions that run beside the tests of this machine: each lane one after the other, in a thread.

A guest is a process that writes to a file, so nothing of it gets into the output of another test.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future

from .guest_run import Outcome
from .sessions import Session

Run = Callable[[Session], Outcome]


class Lanes:
    """The sessions with a lane, under way; the others wait for their end."""

    def __init__(self, sessions: Iterable[Session], run: Run) -> None:
        """Begin."""
        self._run = run
        self._outcomes: dict[Session, Future[Outcome]] = {}
        lanes: dict[int, list[Session]] = {}
        for session in sessions:
            if session.lane is not None:
                self._outcomes[session] = Future()
                lanes.setdefault(session.lane, []).append(session)
        for of_one in lanes.values():
            # A daemon: with the end of this process the thread ends, and with it its guest.
            threading.Thread(target=self._go_along, args=(of_one,), daemon=True).start()

    def _go_along(self, sessions: list[Session]) -> None:
        for session in sessions:
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
