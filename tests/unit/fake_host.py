# SPDX-License-Identifier: Apache-2.0
"""A healthy host in a directory, for `ocihook doctor`; a test then breaks one thing."""

import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

from ocihook import __version__, paths, topology
from ocihook.abi import SchedulerRecord
from ocihook.doctor.examination import document, examine
from ocihook.doctor.finding import Finding
from ocihook.doctor.host import Host
from ocihook.doctor.scheduler import PINS
from ocihook.install import hooks, launcher, service

RELEASE = "6.18.5+deb14-amd64"
LIBRARY = "/opt/ocihook/lib"
COMMAND = "/opt/ocihook/bin/ocihook"
UNIT_FILE = "/usr/lib/systemd/system/ocihook.service"
ROOT = "23 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
CGROUP2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev - cgroup2 cgroup2 rw,nsdelegate\n"
BPFFS = "34 23 0:30 / /sys/fs/bpf rw,nosuid shared:9 - bpf bpf rw,mode=700\n"


class FakeHost:
    """Files below a directory, and what the kernel would answer."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.record: SchedulerRecord | Exception = SchedulerRecord(
            attached_ns=1, nr_live=1, nr_slots=2
        )
        self.rows: list[dict[str, Any]] | Exception = []
        self.btf: str | Exception | None = None
        self.host = Host(
            root=root,
            environ={"PATH": "/usr/bin", "HOME": "/root"},
            euid=0,
            release=RELEASE,
            administrator=os.geteuid(),
            malformed_kfunc=lambda: self._answer(self.btf),
            read_record=lambda: self._answer(self.record),
            list_cells=lambda: self._answer(self.rows),
        )
        self._kernel()
        self._scheduler()
        self._installed()
        self._systemd()

    @staticmethod
    def _answer(answer: Any) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _kernel(self) -> None:
        self.mounts(ROOT, CGROUP2, BPFFS)
        self.write("/proc/self/uid_map", "         0          0 4294967295\n")
        self.write(topology.POSSIBLE, "0-3\n")
        self.write("/proc/cmdline", "BOOT_IMAGE=/vmlinuz-6.18 root=/dev/vda1 ro quiet\n")
        self.link("/proc/self/ns/cgroup", "cgroup:[4026531835]")
        self.write(f"{paths.CGROUPFS}/cgroup.controllers", "cpuset cpu io memory pids\n")
        self.write(f"{paths.CGROUPFS}/cgroup.subtree_control", "cpuset cpu memory pids\n")

    def _scheduler(self) -> None:
        self.write(f"{paths.SCHED_EXT}/state", "enabled\n")
        self.write(f"{paths.SCHED_EXT}/root/ops", "ocihook\n")
        for name in PINS:
            self.write(f"{paths.PIN_DIR}/{name}", "")
        self.path(paths.PIN_ROOT).chmod(0o700)

    def _installed(self) -> None:
        self.program("/usr/bin/podman", "podman version 5.8.1")
        self.program("/usr/bin/crun", "crun version 1.26\ncommit: 1\nspec: 1.0.0")
        self.program("/usr/bin/python3", "Python 3.13.5")
        self.write(f"{LIBRARY}/ocihook/__init__.py", f'"""Doc."""\n__version__ = "{__version__}"\n')
        text = launcher.text(Path("/usr/bin/python3"), (Path(LIBRARY),))
        hooks.install(self.root, text=text)

    def _systemd(self) -> None:
        self.path(str(service.RUNNING)).mkdir(parents=True)
        self.program(COMMAND, f"ocihook {__version__}")
        self.write(UNIT_FILE, service.unit(Path(COMMAND)))
        self.link(str(service.WANTED_BY), UNIT_FILE)

    def path(self, absolute: str) -> Path:
        """Where a path of this host really is."""
        return self.host.path(absolute)

    def write(self, absolute: str, text: str | bytes) -> Path:
        """Write a file, with the directories above it."""
        path = self.path(absolute)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def link(self, absolute: str, target: str) -> None:
        """Make a symbolic link."""
        path = self.path(absolute)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(target)

    def mounts(self, *lines: str) -> None:
        """Write the mount table."""
        self.write("/proc/self/mountinfo", "".join(lines))

    def program(self, absolute: str, version: str, status: int = 0) -> None:
        """Make a program that answers `--version` alone."""
        answer = f"cat <<END\n{version}\nEND\nexit {status}\n"
        path = self.write(absolute, f'#!/bin/sh\n[ "$1" = --version ] || exit 9\n{answer}')
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def no_scheduler(self) -> None:
        """Take the scheduler out, pins and all."""
        self.path(f"{paths.SCHED_EXT}/root/ops").unlink()
        self.path(f"{paths.SCHED_EXT}/root").rmdir()
        self.write(f"{paths.SCHED_EXT}/state", "disabled\n")
        for name in PINS:
            self.path(f"{paths.PIN_DIR}/{name}").unlink()
        self.path(paths.PIN_DIR).rmdir()

    def no_sched_ext(self) -> None:
        """Make the kernel one without sched_ext."""
        self.no_scheduler()
        self.path(f"{paths.SCHED_EXT}/state").unlink()
        self.path(paths.SCHED_EXT).rmdir()

    def become(self, **members: Any) -> None:
        """Change members of the host: `euid`, `environ`."""
        self.host = replace(self.host, **members)

    def findings(self, *topics: str) -> list[Finding]:
        """Examine these topics."""
        return examine(self.host, topics)

    def documents(self) -> dict[str, Any]:
        """Examine everything."""
        return document(examine(self.host))

    def bad(self, *topics: str) -> list[tuple[str, str, str, str]]:
        """Return (verdict, name, evidence, mend) of all that is not ok."""
        return [
            (each.verdict.value, each.name, each.evidence, each.mend)
            for each in self.findings(*topics)
            if each.verdict != "ok"
        ]
