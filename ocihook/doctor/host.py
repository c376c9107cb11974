# SPDX-License-Identifier: Apache-2.0
"""The machine that is looked at: where its files are, who looks, what its programs answer."""

import errno
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISCHR, S_ISDIR, S_ISREG
from typing import Any

from ocihook import paths, procfs
from ocihook._bpf.kernel_btf import malformed_kfunc
from ocihook.abi import SchedulerRecord
from ocihook.sched.cells import list_cells
from ocihook.sched.loader import read_record

NULL_DEVICE = os.makedev(1, 3)
"""/dev/null, to which a link makes a file empty (null(4))."""

MAX_FILE_BYTES = 16 << 20
"""Of a file that a user of the machine may have written."""

ANSWER_TIMEOUT_S = 10.0
"""How long ``--version`` may take: podman on a cold, busy machine takes 2 s."""


@dataclass(frozen=True)
class Host:
    """Everything that a check may ask the machine.

    ``root`` stands before every absolute path, so a directory with a few files in it is a host,
    too: that is what tests use.
    """

    root: Path = Path("/")
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    euid: int = field(default_factory=os.geteuid)
    release: str = field(default_factory=lambda: os.uname().release)
    administrator: int = 0
    """Whose files are trusted: the owner that they should have."""
    malformed_kfunc: Callable[[], str | None] = malformed_kfunc
    read_record: Callable[[], SchedulerRecord] = read_record
    list_cells: Callable[[], list[dict[str, Any]]] = list_cells
    """What only the running kernel can say; no directory stands in for it."""

    @property
    def privileged(self) -> bool:
        """Whether the one who looks is root."""
        return self.euid == 0

    def path(self, absolute: str | Path) -> Path:
        """Return where a path of the host is to be found."""
        return self.root / Path(absolute).relative_to("/")

    def shown(self, found: Path) -> str:
        """Return a path that :meth:`path` gave as the host has it."""
        return "/" + str(found.relative_to(self.root))

    @property
    def sched_ext(self) -> str:
        """Where the kernel reports on sched_ext."""
        return str(self.path(paths.SCHED_EXT))

    @property
    def mountinfo(self) -> Path:
        """The mount table (proc(5))."""
        return self.path("/proc/self/mountinfo")

    def text(self, absolute: str | Path) -> str | None:
        """Return a file's text without blanks around it; None where there is none to be read."""
        try:
            data = self.path(absolute).read_bytes()
        except OSError:
            return None
        return data.decode("utf-8", "replace").strip(procfs.BLANKS)

    def content(self, found: Path) -> bytes:
        """Return the content of a file that :meth:`path` gave, at most ``MAX_FILE_BYTES``.

        Raises:
            OSError: it cannot be read, or reading it might never end: a FIFO, a device.
        """
        # Without waiting for the other end of a FIFO.
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
        with open(os.open(found, flags), "rb") as file:
            status = os.fstat(file.fileno())
            if status.st_rdev == NULL_DEVICE and S_ISCHR(status.st_mode):
                return b""
            if S_ISDIR(status.st_mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            if not S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "not a regular file")
            content = file.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise OSError(errno.EFBIG, f"more than {MAX_FILE_BYTES} bytes")
        return content

    def exists(self, absolute: str) -> bool:
        """Return whether something is at a path; True where this user may not see."""
        try:
            return absolute.startswith("/") and bool(self.path(absolute).stat())
        except PermissionError:
            return True
        except (OSError, ValueError):
            return False

    def home(self) -> Path:
        """Return the directory of the one who looks that configuration is in (XDG_CONFIG_HOME)."""
        configured, home = self.environ.get("XDG_CONFIG_HOME", ""), self.environ.get("HOME", "")
        if configured.startswith("/"):
            return self.path(configured)
        return self.path(home if home.startswith("/") else "/") / ".config"

    def answer(self, program: Path, option: str = "--version") -> str:
        """Return what a program prints with an option.

        Raises:
            OSError: it cannot be started, fails, or takes longer than ``ANSWER_TIMEOUT_S``.
        """
        try:
            done = subprocess.run(
                [program, option],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=ANSWER_TIMEOUT_S,
                check=False,
                cwd="/",
                env={**self.environ, "LC_ALL": "C"},
            )
        except subprocess.TimeoutExpired:
            raise TimeoutError(None, f"no answer within {ANSWER_TIMEOUT_S:.0f} s") from None
        if done.returncode != 0:
            said = procfs.lines(done.stderr.strip() or done.stdout.strip())
            last = f": {said[-1]}" if said else ""
            raise ChildProcessError(None, f"exit status {done.returncode}{last}")
        return done.stdout


def reason(error: OSError) -> str:
    """Return why something failed, beginning in lower case and without the path."""
    why = error.strerror or str(error)
    return why[:1].lower() + why[1:]
