# SPDX-License-Identifier: Apache-2.0
"""Tell the person who waits what is being done, and for how long already.

All of it goes to standard error: standard output belongs to the guest's command.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

# On a terminal the seconds count up in place; in a log file one line every 15 s shows that it is
# alive.
_TERMINAL_TICK_S = 1.0
_LOG_TICK_S = 15.0


def say(text: str) -> None:
    """Write one line, set apart from the guest's own output by its mark."""
    print(f"· {text}", file=sys.stderr, flush=True)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Announce ``text``, show the elapsed seconds while the body runs, and say how long it took."""
    terminal = sys.stderr.isatty()
    started = time.monotonic()
    done = threading.Event()

    def tick() -> None:
        while not done.wait(_TERMINAL_TICK_S if terminal else _LOG_TICK_S):
            elapsed_s = int(time.monotonic() - started)
            end = "" if terminal else "\n"
            start = "\r" if terminal else ""
            print(f"{start}· {text} ... {elapsed_s} s", end=end, file=sys.stderr, flush=True)

    print(f"· {text} ...", end="" if terminal else "\n", file=sys.stderr, flush=True)
    ticker = threading.Thread(target=tick, daemon=True)
    ticker.start()
    failed = True
    try:
        yield
        failed = False
    finally:
        done.set()
        ticker.join()
        elapsed_s = time.monotonic() - started
        start = "\r" if terminal else ""
        word = "failed after" if failed else "done in"
        print(f"{start}· {text}: {word} {elapsed_s:.1f} s", file=sys.stderr, flush=True)
