# SPDX-License-Identifier: Apache-2.0
"""Make sure that what is read under a pid is about the process that the runtime meant.

A pid is a number that is given away again. Three things together are the proof.

A **pidfd**, opened before anything is read and asked afterwards whether its
process lives: a number is not given away before that, so all that was read is
about one process. It does not say that this is the runtime's: the number may
have been somebody else's already when the pidfd was opened.

The **start time**: the runtime wrote the state before it started us, so a
process that is younger than we are is not the container's. That leaves the time
between the runtime's last look and its fork of the hook. At createRuntime the
runtime is the parent and has not waited for its child, so the number is taken.
At poststart a container may have ended by then; but numbers are handed out in
order (kernel/pid.c, idr_alloc_cyclic), so it would take pid_max forks in those
microseconds.

**procfs of our own pid namespace**: /proc/PID and pidfd_open(2) would otherwise
speak of different processes, as under an engine in a pid namespace of its own
that kept the host's /proc.
"""

import posix as os

from ocihook import procfs
from ocihook.errors import CgroupError, ProcessGone, ProcessHidden, SystemCallError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from signal import pidfd_send_signal
else:
    from _signal import pidfd_send_signal  # `signal` wraps it in enums, 5 ms of them

_START_TIME = 22 - 3
"""Of the fields of /proc/PID/stat after the program's name, which may hold anything (proc(5))."""


def pin(pid: int, proc: str = "/proc") -> int:
    """Return a pidfd of `pid`. From here on :func:`demand_same` tells whether it is the same.

    Raises:
        ProcessGone: when there is no such process.
        CgroupError: when `proc` is not the procfs of our pid namespace.
        SystemCallError: when the kernel has no pidfd for us.
    """
    try:
        shown = os.readlink(f"{proc}/self")
    except OSError as error:
        raise CgroupError(
            f"{proc}: {os.strerror(error.errno or 0).lower()}", "mount procfs there"
        ) from None
    if shown != str(os.getpid()):
        raise CgroupError(
            f"{proc}: of another pid namespace than the hook's",
            "mount a procfs of its own where the engine runs",
        )
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        raise ProcessGone(f"pid {pid}: no such process") from None
    except OSError as error:
        raise SystemCallError(f"pid {pid}: pidfd_open", error.errno or 0) from None


def demand_same(pidfd: int, pid: int, proc: str = "/proc") -> None:
    """Make sure that all that was read under the number `pid` was about the container's process.

    Raises:
        ProcessGone: when it has ended, or is not the one that the runtime meant.
        ProcessHidden: when it lives, and `proc` does not show it.
    """
    try:
        started = _start_ticks(f"{proc}/{pid}/stat")
    except (FileNotFoundError, ProcessLookupError):
        raise unseen(pidfd, pid, proc) from None
    if not _lives(pidfd):
        raise ProcessGone(f"pid {pid}: ended")
    if started > _start_ticks(f"{proc}/self/stat"):
        raise ProcessGone(f"pid {pid}: ended, and the number is a younger process's")


def unseen(pidfd: int, pid: int, proc: str = "/proc") -> CgroupError:
    """Return why something of a process is not in `proc`: it has ended, or is hidden from us.

    With hidepid=2 or 4 procfs has no directory of a process that we may not trace (proc(5)).
    """
    try:
        os.stat(f"{proc}/{pid}")
    except FileNotFoundError:
        if _lives(pidfd):
            return ProcessHidden(
                f"pid {pid}: lives, and {proc} hides it (hidepid=)",
                "let the engine have CAP_SYS_PTRACE, or mount procfs without hidepid=",
            )
    return ProcessGone(f"pid {pid}: ended")


def _lives(pidfd: int) -> bool:
    try:
        pidfd_send_signal(pidfd, 0)
    except PermissionError:
        pass  # it does, and is somebody else's
    except ProcessLookupError:
        return False
    return True


def _start_ticks(path: str) -> int:
    """Return when a process started, in clock ticks since boot: 10 ms each (USER_HZ)."""
    return int(procfs.read(path).rpartition(") ")[2].split(" ")[_START_TIME])
