# SPDX-License-Identifier: Apache-2.0
"""A made-up procfs and a cgroup2 tree in plain directories, and a stand-in for the kernel's part.

The container's process is a real one: what is asked of its pidfd is asked of the kernel.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import ocihook._bpf
from ocihook.errors import SystemCallError
from ocihook.hook import cgroup

OURS = "cgroup:[4026532000]"
THEIRS = "cgroup:[4026532001]"
INITIAL = "cgroup:[4026531835]"


def stat(pid: int, start_ticks: int, name: str = "a) R 1 (b") -> str:
    """Return a /proc/PID/stat (proc(5)) of a process that tries to be misread."""
    before = "S 1 1 1 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0"
    return f"{pid} ({name}) {before} {start_ticks} 1000 10 18446744073709551615\n"


class Host:
    """The hook is in /user/session, the container in /machine/c1/container, in one namespace."""

    def __init__(self, directory: Path) -> None:
        self.child = subprocess.Popen(["sleep", "60"])
        self.pid = self.child.pid
        self.proc = directory / "proc"
        self.tree = directory / "cg roup"
        for pid in (os.getpid(), self.pid):
            (self.proc / str(pid) / "ns").mkdir(parents=True)
            (self.proc / str(pid) / "ns" / "cgroup").symlink_to(OURS)
        (self.proc / "self").symlink_to(str(os.getpid()))
        self.make("/user/session")
        self.make("/machine/c2")
        self.hook_is_in("/user/session")
        self.started(hook=2000, container=1000)
        device = os.stat(self.tree).st_dev
        escaped = str(self.tree).replace(" ", "\\040")
        self.mounts = (
            "22 1 0:20 / /proc rw - proc proc rw\n"
            f"30 1 {os.major(device)}:{os.minor(device)} / {escaped} rw,nosuid shared:4 "
            "- cgroup2 cgroup2 rw,nsdelegate\n"
        )
        self.mounted(self.mounts)
        self.is_at("/machine/c1/container")

    def make(self, path: str) -> Path:
        """Make the cgroup and return its directory."""
        directory = self.tree / path[1:]
        directory.mkdir(parents=True, exist_ok=True)
        return directory

    def mounted(self, mountinfo: str) -> None:
        (self.proc / "self" / "mountinfo").write_text(mountinfo)

    def hook_is_in(self, path: str) -> None:
        self.make(path)
        (self.proc / "self" / "cgroup").write_text(f"0::{path}\n")

    def is_at(self, path: str) -> None:
        """Put the container into a cgroup, which is made."""
        self.make(path)
        self.is_in(f"0::{path}\n")

    def is_in(self, text: str) -> None:
        """Write the container's /proc/PID/cgroup."""
        (self.proc / str(self.pid) / "cgroup").write_text(text)

    def is_in_namespace(self, name: str) -> None:
        link = self.proc / str(self.pid) / "ns" / "cgroup"
        link.unlink()
        link.symlink_to(name)

    def started(self, *, hook: int, container: int) -> None:
        (self.proc / "self" / "stat").write_text(stat(os.getpid(), hook))
        (self.proc / str(self.pid) / "stat").write_text(stat(self.pid, container))

    def find(self, *, joined: bool = False) -> cgroup.Cgroup:
        return cgroup.find(self.pid, str(self.proc), joined=joined)

    def found(self, *, joined: bool = False) -> str:
        """Return the path of the cgroup that is found, which has to be the one that is opened."""
        with self.find(joined=joined) as home:
            where = self.make(home.path).stat()
            assert (home.cgid, os.fstat(home.directory).st_ino) == (where.st_ino, where.st_ino)
            return home.path

    def close(self) -> None:
        self.child.kill()
        self.child.wait()


class Kernel(ModuleType):
    """In place of ocihook._bpf.syscalls: setns, and the root of the namespace that was entered."""

    CLONE_NEWCGROUP = 0x02000000

    def __init__(self, root: Path | None, errno: int = 0) -> None:
        super().__init__("ocihook._bpf.syscalls")
        self.root = root
        self.errno = errno
        self.entered = 0

    def setns(self, fd: int, nstype: int) -> None:
        if self.errno:
            raise SystemCallError("setns", self.errno)
        assert nstype == self.CLONE_NEWCGROUP
        assert "pidfd" in os.readlink(f"/proc/self/fd/{fd}")
        self.entered += 1

    def cgroup_namespace_root(self) -> int:
        assert self.entered, "a mount of cgroup2 from outside resets the machine's nsdelegate"
        assert self.root
        return os.open(self.root, os.O_RDONLY)


def pretend(monkeypatch: pytest.MonkeyPatch, kernel: Kernel) -> None:
    """Let `kernel` answer in place of the real one."""
    monkeypatch.setitem(sys.modules, "ocihook._bpf.syscalls", kernel)
    monkeypatch.setattr(ocihook._bpf, "syscalls", kernel, raising=False)


def private(host: Host, monkeypatch: pytest.MonkeyPatch, root: str) -> Kernel:
    """Give the container a cgroup namespace of its own, with its root at `root`."""
    host.is_in_namespace(THEIRS)
    kernel = Kernel(host.make(root))
    pretend(monkeypatch, kernel)
    return kernel
