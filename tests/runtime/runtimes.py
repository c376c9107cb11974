# SPDX-License-Identifier: Apache-2.0
"""Debian's real runc and crun on this machine, whatever its cgroups are, with our hook program.

Each call of a runtime gets a mount namespace: there the machine's cgroup2 hierarchy is at
/sys/fs/cgroup, where both look for it, and a socket of ours is the journal's. The processes of the
container are in /proc/PID/cgroup as the kernel has them, v1 hierarchies included.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from ocihook import mountinfo
from ocihook.install import launcher

TIMEOUT_S = 60
STAGES = ("createRuntime", "poststart", "poststop")
PARENT = "ocihook-runtime"
"""The cgroup below which the containers' cgroups are made."""

JOURNAL = "run/systemd/journal/socket"

# A bind mount, since a new mount of cgroup2 without options changes the machine (docs/design.md).
ENTER = """
set -eu
mount --bind "$1" /sys/fs/cgroup
mount --bind "$2" /run
shift 2
exec "$@"
"""


def cgroup2() -> Path | None:
    """Return where this machine has cgroup2, and a path leads to it."""
    return next((Path(each.point) for each in mountinfo.read().reachable("cgroup2")), None)


def control_group(controller: str, name: str) -> Path | None:
    """Make a cgroup that has a controller, of v1 or of v2; None where none can be had as it is."""
    table = mountinfo.read()
    for each in (*table.reachable("cgroup"), *table.reachable("cgroup2")):
        top = Path(each.point)
        passed_on = top / "cgroup.subtree_control"
        on_v2 = passed_on.exists() and controller in passed_on.read_text().split()
        if controller in each.options or on_v2:
            (top / name).mkdir()
            return top / name
    return None


def on_v1() -> bool:
    """Tell whether the cpu controller is on cgroup v1 here, which no scheduler of ours is for."""
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    return any("cpu" in line.split(":")[1].split(",") for line in lines)


def remove_cgroups(top: Path) -> None:
    """Remove a cgroup and those below it, when the last killed task has left them."""
    give_up_s = time.monotonic() + TIMEOUT_S
    for name, _, _ in os.walk(top, topdown=False):
        while True:
            try:
                os.rmdir(name)
                break
            except OSError:
                assert time.monotonic() < give_up_s, f"{name}: still has tasks"
                time.sleep(0.05)


class Machine:
    """What all containers of a test share: a /run of their own, and a journal in it."""

    def __init__(self, directory: Path, hierarchy: Path) -> None:
        self.directory = directory
        self.hierarchy = hierarchy
        self.run = directory / "run"
        (directory / JOURNAL).parent.mkdir(parents=True)
        self.journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.journal.bind(str(directory / JOURNAL))
        self.journal.setblocking(False)
        self.program = directory / "ocihook-hook"
        self.program.write_bytes(launcher.text())
        self.program.chmod(0o755)

    def records(self) -> list[dict[str, str]]:
        """Return what the journal has got since the last time."""
        found = []
        while True:
            try:
                lines = self.journal.recv(1 << 20).decode().splitlines()
            except BlockingIOError:
                return found
            found.append(dict(line.split("=", 1) for line in lines))

    def config(self, name: str, command: str, annotations: dict[str, str]) -> dict[str, Any]:
        """Return a config.json (runtime-spec 1.0) for a shell command on the machine's own /usr."""
        binds = [
            {"destination": path, "type": "bind", "source": path, "options": ["rbind", "ro"]}
            for path in ("/usr", "/etc")
        ]
        # As the hooks.d files have it.
        env = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"]
        return {
            "ociVersion": "1.0.2",
            "process": {
                "user": {"uid": 0, "gid": 0},
                "args": ["/usr/bin/sh", "-c", command],
                "env": env,
                "cwd": "/",
            },
            "root": {"path": "rootfs"},
            "hostname": "test",
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"},
                *binds,
            ],
            "hooks": {
                stage: [
                    {
                        "path": str(self.program),
                        "args": ["ocihook-hook", stage],
                        "env": env,
                        "timeout": 30,
                    }
                ]
                for stage in STAGES
            },
            "annotations": annotations,
            "linux": {
                "cgroupsPath": f"/{PARENT}/{name}",
                "resources": {},
                "namespaces": [
                    {"type": kind} for kind in ("pid", "mount", "ipc", "uts", "cgroup", "network")
                ],
            },
        }

    def close(self) -> None:
        self.journal.close()


class Container:
    """A bundle, and the runtime's commands on it."""

    def __init__(
        self,
        machine: Machine,
        runtime: tuple[Path, str],
        command: str = "true",
        annotations: dict[str, str] | None = None,
        **members: Any,
    ) -> None:
        self.machine = machine
        self.program, self.library_path = runtime
        self.id = f"ct-{self.program.name}-{os.getpid()}"
        self.bundle = machine.directory / self.id
        for place in ("rootfs/proc", "rootfs/dev", "rootfs/usr", "rootfs/etc"):
            (self.bundle / place).mkdir(parents=True, exist_ok=True)
        for name in ("bin", "lib", "lib64"):
            link = self.bundle / "rootfs" / name
            if not link.is_symlink():
                link.symlink_to(f"usr/{name}")
        document = machine.config(self.id, command, annotations or {})
        for name, value in members.items():
            document[name] |= value
        (self.bundle / "config.json").write_text(json.dumps(document))

    @property
    def cgroup(self) -> Path:
        return self.machine.hierarchy / PARENT / self.id

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the runtime; its output is a file's, which a container may hold without harm."""
        output = self.machine.directory / "output"
        command = [self.program, "--root", "/run/state", *arguments]
        places = [self.machine.hierarchy, self.machine.run]
        with output.open("w+") as file:
            done = subprocess.run(
                ["unshare", "--mount", "sh", "-c", ENTER, "sh", *places, *command],
                stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, text=True,
                timeout=TIMEOUT_S, check=False, cwd=self.bundle,
                env={**os.environ, "LD_LIBRARY_PATH": self.library_path, "XDG_RUNTIME_DIR": "/run"},
            )  # fmt: skip
            done.stdout = output.read_text()
        return done

    def delete(self) -> None:
        """Remove the container, and its cgroups."""
        self.call("delete", "--force", self.id)
        remove_cgroups(self.cgroup.parent)
