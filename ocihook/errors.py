# SPDX-License-Identifier: Apache-2.0
"""Every error that ocihook raises on purpose, in one tree.

::

    OcihookError                    70 EX_SOFTWARE     the base; carries a hint
    ├── InputError                  65 EX_DATAERR      what we were given is not what it should be
    │   ├── StateError                                 stdin holds no OCI state
    │   ├── BundleError                                config.json of the bundle
    │   │   └── BundleMissing                          it cannot be had at all
    │   ├── CpulistError                               a cpulist, with the position
    │   └── AnnotationError                            an org.ocihook/ annotation
    ├── CgroupError                 66 EX_NOINPUT      the container's cgroup cannot be had
    │   ├── ProcessGone                                the container's process has ended
    │   └── ProcessHidden                              it lives, and procfs does not show it
    ├── SchedulerUnavailable        69 EX_UNAVAILABLE  no scheduler of ours runs, or none can
    ├── CellTableFull               75 EX_TEMPFAIL     every slot is taken
    ├── OwnCpusTaken                75 EX_TEMPFAIL     CPUs wished as a cell's own are not free
    ├── DeadlineExceeded            75 EX_TEMPFAIL     the hook took too long
    ├── AbiMismatch                 76 EX_PROTOCOL     pins and this package differ
    ├── InstallError                73 EX_CANTCREAT    a file cannot be placed or removed
    ├── PolicyError                 77 EX_NOPERM       the configuration does not allow it
    ├── ConfigError                 78 EX_CONFIG       the configuration file is malformed
    └── SystemCallError             71 EX_OSERR        a system call failed; no permission: 77

This module is on the hook's path: it imports ``posix`` alone, of which ``os`` has these names.
"""

import posix as os


class OcihookError(Exception):
    """Base of all: a message that names the object, and a hint that says what to do.

    ``exit_code`` is what a program ends with when nobody handles the error.
    """

    exit_code: int = os.EX_SOFTWARE

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def __str__(self) -> str:
        message: str = self.args[0]
        return f"{message} ({self.hint})" if self.hint else message


class InputError(OcihookError):
    """Raised when given data is malformed; correct the data and call again."""

    exit_code = os.EX_DATAERR


class StateError(InputError):
    """Raised when standard input holds no OCI state (runtime-spec, runtime.md, State)."""


class BundleError(InputError):
    """Raised when the bundle's config.json is missing, too large, or not what the spec says."""


class BundleMissing(BundleError):
    """Raised when there is no config.json to be read; annotations and cgroup may still do."""


class CpulistError(InputError):
    """Raised when a cpulist does not follow the grammar; the message has the position."""


class AnnotationError(InputError):
    """Raised when an ``org.ocihook/`` annotation is out of its range or unknown."""


class CgroupError(OcihookError):
    """Raised when a container's cgroup cannot be found, or must not become a cell."""

    exit_code = os.EX_NOINPUT


class ProcessGone(CgroupError):
    """Raised when the container's process has ended; normal after a short-lived container."""


class ProcessHidden(CgroupError):
    """Raised when procfs hides the container's process from us (hidepid=)."""


class SchedulerUnavailable(OcihookError):
    """Raised when our scheduler is not running, was ejected, or cannot run on this kernel."""

    exit_code = os.EX_UNAVAILABLE


class CellTableFull(OcihookError):
    """Raised when all slots of the cell table are taken; end containers or run ``ocihook gc``."""

    exit_code = os.EX_TEMPFAIL


class OwnCpusTaken(OcihookError):
    """Raised when CPUs wished as a cell's own are another's, offline, or the last ones left."""

    exit_code = os.EX_TEMPFAIL


class DeadlineExceeded(OcihookError):
    """Raised wherever the hook stands when its own deadline passes."""

    exit_code = os.EX_TEMPFAIL


class AbiMismatch(OcihookError):
    """Raised when a pinned object has another layout than ours; restart the scheduler."""

    exit_code = os.EX_PROTOCOL


class InstallError(OcihookError):
    """Raised when a file cannot be placed or removed; nothing half-written is left."""

    exit_code = os.EX_CANTCREAT


class PolicyError(OcihookError):
    """Raised when something is wished that the configuration does not allow; names the limit."""

    exit_code = os.EX_NOPERM


class ConfigError(OcihookError):
    """Raised when the configuration file cannot be read or is malformed; names file and line."""

    exit_code = os.EX_CONFIG


class SystemCallError(OcihookError):
    """Raised when a system call fails for a reason that has no better name here.

    ``errno`` is the number; permission errors end with ``EX_NOPERM``.
    """

    exit_code = os.EX_OSERR

    def __init__(self, what: str, errno: int, hint: str = "") -> None:
        super().__init__(f"{what}: {os.strerror(errno).lower()}", hint)
        self.errno = errno
        if errno in (1, 13):  # EPERM, EACCES: the same on every Linux architecture
            self.exit_code = os.EX_NOPERM
