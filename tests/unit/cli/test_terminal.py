# SPDX-License-Identifier: Apache-2.0
"""A terminal that is taken over is given back, whatever ends the program: with a real one (pty)."""

import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import ten_cells

from ocihook.cli.terminal import difference, keys

TAKEN, GIVEN_BACK = b"\x1b[?1049h", b"\x1b[?1049l"
PROGRAM = f"""
import signal
import sys
# A shell has its background jobs ignore it, and so would this program.
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path.insert(0, {str(Path(ten_cells.__file__).parent)!r})
import ten_cells
from ocihook import cli
from ocihook.cli import top
top.Tables = ten_cells.Tables
ten_cells.Tables.close = lambda self: None
sys.argv = ["ocihook", "top", "--interval", "0.1"]
cli.main()
"""


class Session:
    """``ocihook top`` on a terminal of its own."""

    def __init__(self) -> None:
        self.master, self.slave = pty.openpty()
        termios.tcsetwinsize(self.slave, (24, 80))
        self.before = termios.tcgetattr(self.slave)
        self.program = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            env={**os.environ, "TERM": "xterm"},
        )
        self.seen = b""

    def until(self, text: bytes, timeout_s: float = 60) -> None:
        deadline_s = time.monotonic() + timeout_s
        while text not in self.seen:
            assert select.select([self.master], [], [], deadline_s - time.monotonic())[0], self.seen
            self.seen += os.read(self.master, 65536)

    def type(self, typed: bytes) -> None:
        os.write(self.master, typed)

    def ended(self) -> int:
        """Wait for the program; return its exit code, the terminal being as before."""
        self.until(GIVEN_BACK)
        code = self.program.wait(60)
        assert termios.tcgetattr(self.slave) == self.before
        assert self.seen.endswith(b"\x1b[?7h\x1b[?25h" + GIVEN_BACK)
        return code


@pytest.fixture
def session() -> Iterator[Session]:
    one = Session()
    one.until(b"web")
    yield one
    one.program.kill()
    one.program.wait()
    os.close(one.master)
    os.close(one.slave)


def test_q_ends_it(session: Session) -> None:
    assert TAKEN in session.seen
    session.type(b"q")
    assert session.ended() == 0


def test_keys_change_the_screen(session: Session) -> None:
    session.type(b"\x1b[C")
    session.until(b"by P50")
    session.type(b"r")
    session.until(b"by P50 reversed")
    session.type(b" ")
    session.until(b"paused")
    session.type(b"q")
    assert session.ended() == 0


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_signals_end_it(session: Session, number: int, code: int) -> None:
    session.program.send_signal(number)
    assert session.ended() == code


def test_another_size_is_drawn_anew(session: Session) -> None:
    assert b"WEIGHT" not in session.seen
    termios.tcsetwinsize(session.slave, (30, 120))
    session.program.send_signal(signal.SIGWINCH)
    session.until(b"WEIGHT")
    session.type(b"q")
    assert session.ended() == 0


def test_stopped_it_gives_the_terminal_back_and_takes_it_again(session: Session) -> None:
    session.program.send_signal(signal.SIGTSTP)
    session.until(GIVEN_BACK)
    # It may not have stopped yet; and in an orphaned process group the kernel stops nobody.
    for _ in range(100):
        session.program.send_signal(signal.SIGCONT)
        if select.select([session.master], [], [], 0.2)[0]:
            break
    session.until(GIVEN_BACK + TAKEN)
    session.seen = b""
    session.type(b"q")
    assert session.ended() == 0


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        (b"q", ["q"]),
        (b"\x1b[C\x1bOD", ["right", "left"]),
        (b"\x1b[5~r\x1b[6~", ["page up", "r", "page down"]),
        (b"\x1b[200~\x01\xff", []),
        (b"", []),
    ],
)
def test_keys(typed: bytes, found: list[str]) -> None:
    assert keys(typed) == found


def test_only_what_differs_is_written() -> None:
    assert difference(["a", "b", "c"], ["a", "x", "c"]) == "\x1b[2;1H\x1b[Kx"
    assert difference(["a", "b"], ["a"]) == "\x1b[2;1H\x1b[K"
    assert difference(["a"], ["a"]) == ""
