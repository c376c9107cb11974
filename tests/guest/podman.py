# SPDX-License-Identifier: Apache-2.0
"""podman in the guest: root file systems of the guest's own programs; no image, network or log."""

from __future__ import annotations

import subprocess
from pathlib import Path

from bundle import TIMEOUT_S

SLEEP = ("/bin/busybox", "sleep", "1000")

# No network, and no overlay module in every kernel.
_OPTIONS = ("--storage-driver=vfs", "--events-backend=none")


def podman(
    *arguments: str,
    runtime: str = "crun",
    manager: str = "cgroupfs",
    options: tuple[str, ...] = (),
    check: bool = True,
) -> str:
    """Run podman and return what it printed, stripped.

    ``manager`` is what makes cgroups: cgroupfs, or systemd where that is the guest's init.
    """
    command = ["podman", *_OPTIONS, f"--cgroup-manager={manager}", f"--runtime={runtime}"]
    done = subprocess.run(
        [*command, *options, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0 or not check, done.stderr
    return done.stdout.strip()


def busybox_root(directory: Path) -> Path:
    """Make a root file system of one static program; podman adds the rest."""
    root = directory / "root"
    (root / "bin").mkdir(parents=True)
    busybox = root / "bin" / "busybox"
    busybox.write_bytes(Path("/bin/busybox").read_bytes())
    busybox.chmod(0o755)
    return root


def run(
    root: Path,
    *options: str,
    command: tuple[str, ...] = SLEEP,
    runtime: str = "crun",
    manager: str = "cgroupfs",
    globally: tuple[str, ...] = (),
) -> str:
    """Run a container in the background and return its id. ``globally``: podman's own options."""
    fixed = ("--detach", "--network=none", "--log-driver=none")
    what = ("run", *fixed, *options, "--rootfs", str(root), *command)
    return podman(*what, runtime=runtime, manager=manager, options=globally)


def remove_all(manager: str = "cgroupfs") -> None:
    """Remove every container there is."""
    podman("rm", "--all", "--force", "--time=0", manager=manager)
