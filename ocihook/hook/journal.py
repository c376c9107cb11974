# SPDX-License-Identifier: Apache-2.0
"""A record of what failed for systemd's journal, with a field for each thing that one may ask for.

``journalctl -t ocihook`` shows them, ``journalctl OCIHOOK_CONTAINER=ID`` those of
one container. The protocol is one datagram of ``NAME=value`` lines
(systemd.io/JOURNAL_NATIVE_PROTOCOL). Where no journal is, nothing happens; where
it does not keep up, the record is lost: no container waits for it.

Loaded by a run that has something to say, and by no other: ``_socket`` costs 0.4 ms.
"""

import posix as os

from ocihook.paths import JOURNAL_SOCKET

HOOK_FAILED = "e055dc82610d4a7399363b5a90b4ac4c"
"""MESSAGE_ID of every record: a hook could not do what it is for. It stays what it is."""

ERR, WARNING = 3, 4
"""PRIORITY (syslog(3)): the container does not start, and it starts nevertheless."""

MAX_VALUE_BYTES = 4096
"""A value is cut there, so a record of ten fields always fits into a datagram: the least that a
socket's buffer holds by default is 212,992 bytes (net.core.wmem_default)."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def send(fields: "Iterable[tuple[str, object]]", path: str = JOURNAL_SOCKET) -> bool:
    """Send a record, without waiting; return whether the journal took it.

    Args:
        fields: names (capital letters, digits, ``_``) and values; those that are None are left out.
        path: the journal's socket.
    """
    try:
        os.stat(path)
    except OSError:
        return False
    import _socket

    record = b"".join([_field(name, value) for name, value in fields if value is not None])
    try:
        socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
        try:
            socket.sendto(record, _socket.MSG_DONTWAIT | _socket.MSG_NOSIGNAL, path)
        finally:
            socket.close()
    except OSError:
        return False  # nobody reads it, or its queue is full
    return True


def _field(name: str, value: object) -> bytes:
    data = str(value).encode("utf-8", "backslashreplace")[:MAX_VALUE_BYTES]
    if b"\n" not in data:
        return b"%s=%s\n" % (name.encode(), data)
    return b"%s\n%s%s\n" % (name.encode(), len(data).to_bytes(8, "little"), data)
