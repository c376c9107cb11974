# SPDX-License-Identifier: Apache-2.0
"""Make a sane process of whatever state a runtime starts a hook in.

crun runs hooks with every signal blocked and, since 1.14, umask 0; any of them
may hand over a deleted working directory or closed standard streams.
"""

import os

from ocihook.errors import DeadlineExceeded, StateError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
else:
    import _signal  # `signal` wraps it in enums, 5 ms of them

DEADLINE_S = 20.0
"""How long a run may take: a thousand times what it takes on an idle machine.

Long, because a machine that starts many containers at once is short of CPU time, and a container
that waits is better than one in the wrong cell; yet below the 30 s of the hooks.d files.
"""

_CHUNK_BYTES = 65536


def prepare(deadline_s: float = DEADLINE_S) -> None:
    """Reset what was inherited, and start the deadline.

    The deadline is our own because a runtime's kills without a word; podman and
    crun then start nothing, and runc waits on.
    """
    _signal.signal(_signal.SIGPIPE, _signal.SIG_IGN)
    # Ctrl-C at a foreground `podman run` ends us without a traceback.
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    _signal.signal(_signal.SIGALRM, _exceed)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
    _signal.setitimer(_signal.ITIMER_REAL, deadline_s)
    os.umask(0o077)
    os.chdir("/")
    _open_standard_streams()


def finish() -> None:
    """Stop the deadline: what is left to do is to report."""
    _signal.setitimer(_signal.ITIMER_REAL, 0)


def read_stdin(limit_bytes: int) -> bytes:
    """Read standard input to its end, and return it.

    To its end on every path, even past the limit: crun before 1.17 fails the
    container when a hook leaves input unread, and every crun is killed by
    SIGPIPE in ``start`` and ``delete``.

    Raises:
        StateError: when it is a terminal, cannot be read, or is too long.
    """
    if os.isatty(0):
        raise StateError("standard input: a terminal", "a container runtime calls this program")
    chunks = []
    size_bytes = 0
    try:
        while chunk := os.read(0, _CHUNK_BYTES):
            size_bytes += len(chunk)
            if size_bytes <= limit_bytes:
                chunks.append(chunk)
    except OSError as error:
        raise StateError(f"standard input: {os.strerror(error.errno or 0).lower()}") from None
    if size_bytes > limit_bytes:
        raise StateError(f"standard input: {size_bytes} bytes, more than {limit_bytes}")
    return b"".join(chunks)


def _exceed(signum: int, frame: object) -> None:
    raise DeadlineExceeded(
        "the deadline has passed", "the machine is overloaded, or standard input never ends"
    )


def _open_standard_streams() -> None:
    """Keep later files from taking numbers 0 to 2, where errors would be written to."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number: those below are open by now.
            os.open(os.devnull, os.O_RDWR)
