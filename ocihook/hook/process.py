# SPDX-License-Identifier: Apache-2.0
"""Make a sane process of whatever state a runtime starts a hook in.

crun runs hooks with every signal blocked and, since 1.14, umask 0, and with the
resource limits of the container; any runtime may hand over a deleted working
directory, closed standard streams, or a pipe that nobody reads.
"""

import posix as os

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

REPORT_S = 1.0
"""How long to wait for somebody who does not read our standard error."""

_CHUNK_BYTES = 65536

_armed = False


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
    arm(deadline_s)
    os.umask(0o077)
    os.chdir("/")
    _open_standard_streams()


def arm(deadline_s: float) -> None:
    """Let ``DeadlineExceeded`` be raised once, wherever we stand after that time.

    To be followed by :func:`finish` in a ``finally``, with what catches the error around it.
    """
    global _armed
    _armed = True
    _signal.setitimer(_signal.ITIMER_REAL, deadline_s)


def finish() -> None:
    """Stop the deadline: nothing is raised after this."""
    global _armed
    _armed = False  # first: the signal may be there already, and Python not have looked
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
        while chunk := _read_chunk():
            size_bytes += len(chunk)
            if size_bytes <= limit_bytes:
                chunks.append(chunk)
    except OSError as error:
        raise StateError(f"standard input: {os.strerror(error.errno or 0).lower()}") from None
    if size_bytes > limit_bytes:
        raise StateError(f"standard input: {size_bytes} bytes, more than {limit_bytes}")
    return b"".join(chunks)


def write_stderr(line: bytes) -> None:
    """Write `line` in one piece: several hooks may share the file.

    A second at most, since runc reads the pipe at the other end only while it
    waits for us, and others may never. What cannot be written is lost.
    """
    try:
        try:
            arm(REPORT_S)
            os.write(2, line)
        finally:
            finish()
    except (OSError, DeadlineExceeded):
        pass  # nobody listens


def _read_chunk() -> bytes:
    try:
        return os.read(0, _CHUNK_BYTES)
    except BlockingIOError:
        # Somebody's socket or event loop. Only our end of a pipe changes by this.
        os.set_blocking(0, True)
        return os.read(0, _CHUNK_BYTES)


def _exceed(signum: int, frame: object) -> None:
    if _armed:
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
            os.open("/dev/null", os.O_RDWR)
