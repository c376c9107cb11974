# SPDX-License-Identifier: Apache-2.0
"""QEMU's monitor (QMP, docs/interop/qmp-spec.rst): for what needs nothing of the guest."""

from __future__ import annotations

import json
import re
import socket
from typing import Any

from .errors import RigError

_ANSWER_S = 5.0
_CPU = re.compile(r"^CPU#\d+|\b[RE]IP=\S+|\bCPL=\d")


class Monitor:
    """The client of one guest's QEMU."""

    def __init__(self, connection: socket.socket) -> None:
        """Greet QEMU.

        :raises RigError: here and below, if QEMU gives no answer or refuses
        """
        connection.settimeout(_ANSWER_S)
        self._connection = connection
        self._lines = connection.makefile("rb")
        self._answer()  # QEMU speaks first
        self.execute("qmp_capabilities")

    def execute(self, command: str, **arguments: str) -> Any:
        """Execute a command and return its result."""
        request = {"execute": command, "arguments": arguments}
        try:
            self._connection.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise _failed(command, error) from None
        while "event" in (answer := self._answer()):
            pass
        if "return" not in answer:
            raise _failed(command, answer)
        return answer["return"]

    def send_break(self, chardev: str) -> None:
        """Send a BREAK on the guest's serial port."""
        self.execute("chardev-send-break", id=chardev)

    def cpus(self) -> list[str]:
        """Return where each of the guest's CPUs is: its instruction pointer and privilege level."""
        command = "info registers -a"
        text: str = self.execute("human-monitor-command", **{"command-line": command})
        rows = (" ".join(_CPU.findall(line)) for line in text.splitlines())
        return [row for row in rows if row]

    def _answer(self) -> dict[str, Any]:
        try:
            line = self._lines.readline()
            answer: dict[str, Any] = json.loads(line)
        except (OSError, ValueError) as error:
            raise _failed("an answer", error) from None
        return answer


def _failed(what: str, why: object) -> RigError:
    return RigError(f"QEMU's monitor: {what}: {why}; see whether QEMU still runs")
