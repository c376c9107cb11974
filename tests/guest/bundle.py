# SPDX-License-Identifier: Apache-2.0
"""Make a bundle and run it with a real runtime: what the guest's tests and the demo are built on.

The container's root file system is the guest's own /usr, read-only, so that Python, the shell and
ocihook itself are inside. bpffs is there too: a workload can ask the scheduler which cell it is in.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from converge import Use, cgroup_use
from waiting import until

from ocihook.paths import CGROUPFS, HOOK_PROGRAM

STAGES = ("createRuntime", "poststart", "poststop")
PARENT = "ocihook-test"
"""The cgroup below which the containers' cgroups are made."""

BURN = ("/bin/sh", "-c", "while :; do :; done")
"""A task that never sleeps."""

# fmt: off
CAPABILITIES = [
    "CAP_BPF", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID",
    "CAP_IPC_LOCK", "CAP_KILL", "CAP_MKNOD", "CAP_NET_ADMIN", "CAP_PERFMON", "CAP_SETFCAP",
    "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_ADMIN", "CAP_SYS_CHROOT", "CAP_SYS_NICE",
    "CAP_SYS_PTRACE", "CAP_SYS_RESOURCE",
]
# fmt: on
"""What a container needs that loads a scheduler and runs containers in itself (capabilities(7))."""

TIMEOUT_S = 120.0
"""One call of a runtime in an emulated machine: seconds as a rule, a minute under load."""


def burn(tasks: int) -> tuple[str, ...]:
    """Return the command of ``tasks`` processes that never sleep."""
    loops = "while :; do :; done & " * (tasks - 1)
    return ("/bin/sh", "-c", f"{loops}while :; do :; done")


def ask_cell() -> tuple[str, ...]:
    """Return a command that prints the cell, generation and cgid that it runs in, then sleeps."""
    site = [
        path for path in sys.path if Path(path, "ocihook").is_dir() or path.endswith("-packages")
    ]
    code = (
        f"import sys; sys.path[:0] = {site!r}\n"
        "from ocihook._bpf.pinned import cell_of\n"
        "found = cell_of()\n"
        "print(found.cell, found.generation, found.cgid, flush=True)\n"
        "import time; time.sleep(1000)\n"
    )
    return ("/usr/bin/python3", "-IS", "-c", code)


def hook_entries(
    stages: tuple[str, ...] = STAGES, program: str = HOOK_PROGRAM
) -> dict[str, list[dict[str, Any]]]:
    """Return the ``hooks`` member of config.json that calls the hook program."""
    return {
        stage: [{"path": program, "args": ["ocihook-hook", stage], "timeout": 60}]
        for stage in stages
    }


def config(
    container: str,
    command: tuple[str, ...],
    *,
    cpu: dict[str, Any] | None = None,
    annotations: dict[str, str] | None = None,
    exec_cpus: dict[str, str] | None = None,
    stages: tuple[str, ...] = STAGES,
    program: str = HOOK_PROGRAM,
    hooks: dict[str, list[dict[str, Any]]] | None = None,
    engine: Path | None = None,
) -> dict[str, Any]:
    """Return a config.json (runtime-spec 1.0) for ``command`` on the guest's own /usr.

    ``hooks`` replaces what ``stages`` and ``program`` ask for. ``engine`` is a directory to be
    shared with a container that runs containers itself: it gets every capability, and sysfs, its
    part of cgroup2, and bpffs to write to.
    """
    binds = [
        {
            "destination": path,
            "type": "bind",
            "source": path,
            "options": ["rbind", "ro"],
        }
        for path in ("/usr", "/etc", "/sys/fs/bpf")
    ]
    document: dict[str, Any] = {
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": 0, "gid": 0},
            "args": list(command),
            "env": ["PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LANG=C.UTF-8"],
            "cwd": "/",
            **({"execCPUAffinity": exec_cpus} if exec_cpus else {}),
        },
        "root": {"path": "rootfs"},
        "hostname": container[:60],
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"},
            *binds,
        ],
        "hooks": hook_entries(stages, program) if hooks is None else hooks,
        "annotations": annotations or {},
        "linux": {
            "cgroupsPath": f"/{PARENT}/{container}",
            "resources": {"cpu": cpu or {}},
            "namespaces": [
                {"type": kind} for kind in ("pid", "mount", "ipc", "uts", "cgroup", "network")
            ],
        },
    }
    if engine:
        document["process"]["capabilities"] = {
            kind: CAPABILITIES for kind in ("bounding", "effective", "permitted")
        }
        document["mounts"][2:] = [*binds[:2], *_engine_mounts(engine)]
    return document


def _engine_mounts(shared: Path) -> list[dict[str, Any]]:
    def bind(path: str) -> dict[str, Any]:
        return {"destination": path, "type": "bind", "source": path, "options": ["rbind", "rw"]}

    return [
        {"destination": "/sys", "type": "sysfs", "source": "sysfs"},
        {
            "destination": "/sys/fs/cgroup",
            "type": "cgroup",
            "source": "cgroup",
            "options": ["rprivate", "nosuid", "noexec", "nodev", "relatime", "rw"],
        },
        bind("/sys/fs/bpf"),
        bind("/with"),
        bind(os.fspath(shared)),
        {"destination": "/run", "type": "tmpfs", "source": "tmpfs"},
    ]


class Container:
    """A container of a real runtime, by its id."""

    def __init__(
        self, runtime: str, container: str, bundle: Path, document: dict[str, Any]
    ) -> None:
        """Write the bundle."""
        self.runtime = runtime
        self.id = container
        self.bundle = bundle
        self.cgroup = Path(CGROUPFS, document["linux"]["cgroupsPath"].lstrip("/"))
        rootfs = bundle / "rootfs"
        rootfs.mkdir(parents=True)
        for name in ("bin", "sbin", "lib", "lib64"):
            if Path("/", name).is_symlink():
                (rootfs / name).symlink_to(os.readlink(f"/{name}"))
        self.options: tuple[str, ...] = ()
        self.write(document)

    def document(self) -> dict[str, Any]:
        """Return what config.json says."""
        found: dict[str, Any] = json.loads((self.bundle / "config.json").read_text())
        return found

    def write(self, document: dict[str, Any]) -> None:
        """Replace config.json."""
        (self.bundle / "config.json").write_text(json.dumps(document))

    def set_hooks(self, stages: tuple[str, ...], program: str = HOOK_PROGRAM) -> None:
        """Have the hook called at other stages from the next ``create`` on."""
        self.write(self.document() | {"hooks": hook_entries(stages, program)})

    def set_command(self, command: tuple[str, ...]) -> None:
        """Have another workload from the next ``create`` on."""
        document = self.document()
        document["process"]["args"] = list(command)
        self.write(document)

    def log_hooks(self) -> Container:
        """Have crun keep what its hooks say (runc shows that of failing ones alone)."""
        document = self.document()
        document["annotations"]["run.oci.hooks.stderr"] = os.fspath(self.bundle / "hooks")
        self.write(document)
        return self

    def use_systemd(self, cgroups_path: str, cgroup: str) -> None:
        """Have systemd make the cgroup: ``slice:prefix:name``, and where that is to be found."""
        document = self.document()
        document["linux"]["cgroupsPath"] = cgroups_path
        self.write(document)
        self.options = ("--systemd-cgroup",)
        self.cgroup = Path(CGROUPFS, cgroup)

    def call(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a verb of the runtime; its output and the container's go to files of the bundle."""
        with (
            open(self.bundle / "stdout", "a+b") as stdout,
            open(self.bundle / "stderr", "a+b") as stderr,
        ):
            done = subprocess.run(
                [self.runtime, *self.options, *arguments],
                cwd=self.bundle,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                timeout=TIMEOUT_S,
                check=False,
            )
        result = subprocess.CompletedProcess(done.args, done.returncode, self.stdout, self.stderr)
        if check and done.returncode:
            raise AssertionError(f"{done.args}: exit {done.returncode}\n{self.stderr}")
        return result

    @property
    def stdout(self) -> str:
        """What the runtime and the container have printed so far."""
        return (self.bundle / "stdout").read_text(errors="replace")

    @property
    def stderr(self) -> str:
        """What the runtime has complained of so far."""
        return (self.bundle / "stderr").read_text(errors="replace")

    def create(self) -> Container:
        """Create it: the hook has run, the workload has not."""
        self.call("create", "--bundle", os.fspath(self.bundle), self.id)
        return self

    def start(self) -> Container:
        """Start the workload of a created container."""
        self.call("start", self.id)
        return self

    def run(self) -> Container:
        """Create and start it in the background."""
        return self.create().start()

    def state(self) -> dict[str, Any]:
        """Return the state as the runtime reports it."""
        done = subprocess.run(
            [self.runtime, "state", self.id],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=True,
        )
        state: dict[str, Any] = json.loads(done.stdout)
        return state

    def wait_for_output(self, timeout_s: float = TIMEOUT_S) -> str:
        """Wait for the workload's first line and return it."""
        until(lambda: "\n" in self.stdout, f"output of {self.id}", timeout_s=timeout_s)
        return self.stdout.splitlines()[0]

    def kill_tasks(self) -> None:
        """End every task of the cgroup at once, without asking the runtime (cgroup.kill, 5.14)."""
        if not self.cgroup.exists():
            return
        (self.cgroup / "cgroup.kill").write_text("1")
        events = self.cgroup / "cgroup.events"
        until(lambda: "populated 0" in events.read_text(), f"the end of {self.id}'s tasks")

    def use(self) -> Use:
        """Return the CPU time that the kernel counted for its cgroup, and its tasks' slices."""
        return cgroup_use(self.cgroup)

    def delete(self) -> None:
        """End and delete it, as an engine does; poststop runs here."""
        self.call("delete", "--force", self.id)

    @property
    def kept(self) -> Path:
        """The directory that the runtime keeps of the container, from ``create`` to ``delete``."""
        return Path("/run", self.runtime, self.id)

    def clean_up(self) -> None:
        """Leave nothing behind, however the test ended."""
        if self.kept.exists():
            self.call("delete", "--force", self.id, check=False)
        if self.cgroup.exists():
            self.kill_tasks()
            self.cgroup.rmdir()


Make = Callable[..., Container]
"""The fixture ``make`` of conftest.py: a runtime, a name, a command, and options of ``config``."""
