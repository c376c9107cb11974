# SPDX-License-Identifier: Apache-2.0
"""Run a session once more if it hung: a kernel can hang now and then, and the report says where.

A second hang in a row is a failure, and so is any other end. Never more than one retry: it is for
the rare fault of a kernel and not for that of a test.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from .errors import HungGuest
from .progress import say


class _Ended(Protocol):
    @property
    def status(self) -> int: ...


EndedT = TypeVar("EndedT", bound=_Ended)


def once_more_if_hung(name: str, run: Callable[[], EndedT]) -> EndedT:
    """Return how ``run()`` ended; if that is the status of a hung guest, run it a second time."""
    ended = run()
    if ended.status != HungGuest.status:
        return ended
    say(f"{name}: a test hung, see above; once more from the start")
    return run()
