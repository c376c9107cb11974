# SPDX-License-Identifier: Apache-2.0
"""A screen that is drawn again and again, and keys: a terminal taken over, and always given back.

No curses: it reads terminfo, which a container or an ssh session to a bare host may not have. What
is written here is ECMA-48 and four of xterm's private modes, which others ignore.
"""

import os
import re
import select
import signal
import sys
import termios
import tty
from collections.abc import Sequence
from types import FrameType
from typing import Any, Self

_ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J"
_LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l"
_ENDS = (signal.SIGTERM, signal.SIGHUP)

_KEY = re.compile(rb"\x1b[\[O][0-9;]*[A-Za-z~]|[\x20-\x7e]")
_NAMES = {
    b"A": "up", b"B": "down", b"C": "right", b"D": "left", b"H": "home",
    b"[5~": "page up", b"[6~": "page down", b"[1~": "home",
}  # fmt: skip

RESIZED = "resized"
"""In place of a key: the screen has another size, or the program was in the background."""


def keys(typed: bytes) -> list[str]:
    """Return the keys in what a terminal sent: characters, and names like ``left``."""
    found = []
    for sequence in _KEY.findall(typed):
        if sequence[:1] == b"\x1b":
            name = _NAMES.get(sequence[1:]) or _NAMES.get(sequence[2:])
            found += [name] if name else []
        else:
            found.append(sequence.decode("ascii"))
    return found


def difference(shown: Sequence[str], lines: Sequence[str]) -> str:
    """Return what turns a screen that shows some lines into one that shows others.

    Lines that are as before are not written: that is what keeps the screen from flickering, and
    an ssh connection idle. Each fits the screen.
    """
    out = []
    for number, line in enumerate(lines):
        if number >= len(shown) or shown[number] != line:
            # Erased first: behind a line that fills the screen, the cursor is still on its end.
            out.append(f"\x1b[{number + 1};1H\x1b[K{line}")
    out += [f"\x1b[{number + 1};1H\x1b[K" for number in range(len(lines), len(shown))]
    return "".join(out)


class Terminal:
    """The terminal of standard input and output, from entering the context to leaving it.

    It is given back on every way out: an exception, ^C, SIGTERM and SIGHUP, which end the program
    with 128 and the signal's number, and while it is stopped by ^Z.
    """

    def __enter__(self) -> Self:
        self._stdin, self._shown = sys.stdin.fileno(), list[str]()
        self._modes: list[Any] = termios.tcgetattr(self._stdin)
        self._wake, self._woken = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._wakeup_before = signal.set_wakeup_fd(self._woken, warn_on_full_buffer=False)
        self._handlers = {number: signal.signal(number, _end) for number in _ENDS}
        # A handler of its own makes it wake the loop.
        self._handlers[signal.SIGWINCH] = signal.signal(signal.SIGWINCH, lambda *_: None)
        self._handlers[signal.SIGTSTP] = signal.signal(signal.SIGTSTP, self._stop)
        self._take()
        return self

    def __exit__(self, *_error: object) -> None:
        try:
            self._give_back()
        finally:
            for number, handler in self._handlers.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(self._wakeup_before)
            os.close(self._wake)
            os.close(self._woken)

    def size(self) -> tuple[int, int]:
        """Return columns and lines."""
        try:
            columns, lines = os.get_terminal_size(sys.stdout.fileno())
        except OSError:
            return 80, 24
        return columns or 80, lines or 24  # a serial line says 0

    def draw(self, lines: Sequence[str]) -> None:
        """Show these lines, as many as the screen has at most."""
        _write(difference(self._shown, lines))
        self._shown = list(lines)

    def wait(self, timeout_s: float) -> list[str]:
        """Return the keys that were pressed meanwhile, RESIZED among them, or none in time."""
        ready, _, _ = select.select([self._stdin, self._wake], [], [], max(timeout_s, 0))
        found = []
        if self._wake in ready:
            os.read(self._wake, 64)
            found.append(RESIZED)
            self._shown = []
            _write("\x1b[2J")
        if self._stdin in ready:
            typed = os.read(self._stdin, 64)
            found += keys(typed) if typed else ["q"]  # end of file: nobody is there any more
        return found

    def _take(self) -> None:
        tty.setcbreak(self._stdin, termios.TCSADRAIN)
        self._shown = []
        _write(_ENTER)

    def _give_back(self) -> None:
        try:
            _write(_LEAVE)
        except OSError:
            pass  # it has hung up: there is nothing to give back
        try:
            termios.tcsetattr(self._stdin, termios.TCSADRAIN, self._modes)
        except termios.error:
            pass  # the same

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        self._give_back()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)  # goes on here after SIGCONT
        signal.signal(number, self._stop)
        self._take()


def _end(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _write(text: str) -> None:
    if text:
        sys.stdout.write(text)
        sys.stdout.flush()
