# SPDX-License-Identifier: Apache-2.0
"""What leads into a guest: its serial port, its watch port, and QEMU's monitor.

Each is a socket that QEMU inherits, so there is no path to collide with and no server to wait for.
What the serial port says is written to a file here: QEMU 10.0 can do so as well (``logfile``), but
writes a byte there once more for each time that the socket was full.
"""

from __future__ import annotations

import select
import selectors
import socket
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from .errors import RigError
from .monitor import Monitor
from .watch import Watch

WATCH_PORT = "/dev/vport0p1"
"""The watch port in the guest: port 1 (0 is the console) of its only virtio device."""

_READ_BYTES = 1 << 16
_SERIAL = "s"
# Admin-guide/sysrq.rst: 8 shows all that follows on the console, w is for tasks that are blocked,
# l for the stack of each CPU, q for its timers, t for all tasks and work queues. Each with what
# says that the kernel has taken it in.
_KEYS = (
    (b"8", b"Changing Loglevel"),
    (b"w", b"Show Blocked State"),
    (b"l", b"Show backtrace of all active CPUs"),
    (b"q", b"Show clockevent devices"),
    (b"t", b"Show State"),
)
# An emulated serial line is slow, and the kernel prints with interrupts off.
_ECHO_S = 5.0
_QUIET_S = 2.0  # between the stacks of two CPUs; 0.3 s seen
_REPORT_S = 60.0


class Wires:
    """The sockets of one guest; :attr:`theirs` are those that QEMU inherits."""

    def __init__(self, console: Path) -> None:
        """Make them. ``console`` is the file for what the serial port says."""
        self.watch = Watch()
        self._console = console
        self._log = console.open("wb", buffering=0)
        pairs = [socket.socketpair() for _ in range(3)]
        (self._serial, self._port, self._monitor), self._theirs = zip(*pairs, strict=True)
        self.theirs = tuple(each.fileno() for each in self._theirs)
        for ours in (self._serial, self._port):
            ours.setblocking(False)

    def __enter__(self) -> Wires:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close them all, when the serial port's last words are in the file."""
        self.let_go()
        self.read()
        self._log.close()
        for ours in (self._serial, self._port, self._monitor):
            ours.close()

    def let_go(self) -> None:
        """Close QEMU's ends here, as soon as it has them."""
        for each in self._theirs:
            each.close()

    def arguments(self) -> list[str]:
        """Return QEMU's arguments for them; the watch port needs a virtio-serial device."""
        serial, port, monitor = self.theirs
        # fmt: off
        return [
            "-chardev", f"socket,id={_SERIAL},fd={serial}",
            "-serial", f"chardev:{_SERIAL}",
            "-chardev", f"socket,id=w,fd={port}",
            "-device", "virtserialport,chardev=w,nr=1,name=rig.watch",
            "-chardev", f"socket,id=q,fd={monitor}",
            "-mon", "chardev=q,mode=control",
        ]
        # fmt: on

    def register(self, selector: selectors.BaseSelector) -> None:
        """Have ``selector`` wake up for what comes through them."""
        for each in (self._serial, self._port):
            selector.register(each, selectors.EVENT_READ)

    def read(self) -> None:
        """Take in what came: the serial port's words, and announcements."""
        while data := _received(self._serial):
            self._log.write(data)
        while data := _received(self._port):
            self.watch.feed(data)

    def kernel_report(self) -> str:
        """Ask the guest's kernel for blocked tasks and for what its CPUs run; return that.

        A BREAK and a key on the serial port are an interrupt's work from end to end, so any
        CPU that takes interrupts does it, whatever it runs. If none does, the report is where QEMU
        has them.
        """
        start = self._said()
        try:
            monitor = Monitor(self._monitor)
            if all(self._press(monitor, *key) for key in _KEYS):
                self._listen(lambda: False, _QUIET_S)
                return self._text_from(start)
            where = "\n".join(monitor.cpus())
        except RigError as error:
            return f"{self._text_from(start)}\n(no more: {error})"
        return f"{self._text_from(start)}\nthe kernel gives no answer; its CPUs are at\n{where}"

    def _press(self, monitor: Monitor, key: bytes, echo: bytes) -> bool:
        before = self._said()
        monitor.send_break(_SERIAL)
        self._serial.send(key)
        return self._listen(lambda: echo in self._console.read_bytes()[before:], _ECHO_S)

    def _listen(self, heard: Callable[[], bool], patience_s: float) -> bool:
        """Return True if it is heard, False if nothing at all has been said for so long."""
        deadline_s = time.monotonic() + _REPORT_S
        said, since_s = self._said(), time.monotonic()
        while not heard():
            if time.monotonic() > min(since_s + patience_s, deadline_s):
                return False
            select.select([self._serial], [], [], 0.05)
            self.read()
            if self._said() != said:
                said, since_s = self._said(), time.monotonic()
        return True

    def _said(self) -> int:
        return self._console.stat().st_size

    def _text_from(self, start: int) -> str:
        return self._console.read_bytes()[start:].decode(errors="replace").replace("\r", "")


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(_READ_BYTES)
    except (BlockingIOError, ConnectionError):
        return b""
