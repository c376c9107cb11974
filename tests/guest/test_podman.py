# SPDX-License-Identifier: Apache-2.0
"""podman with the installed hooks.d files: an annotation is all that a user adds."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from bundle import TIMEOUT_S
from conftest import cells_of

pytestmark = pytest.mark.usefixtures("scheduler")

# No systemd in the guest, no network, and no overlay module in every kernel.
PODMAN = ("podman", "--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--events-backend=none")


def podman(*arguments: str, runtime: str = "crun") -> str:
    done = subprocess.run(
        [*PODMAN, f"--runtime={runtime}", *arguments],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def rootfs(tmp_path: Path) -> Iterator[Path]:
    """Make a root file system of one static program; podman adds the rest."""
    root = tmp_path / "root"
    (root / "bin").mkdir(parents=True)
    busybox = root / "bin" / "busybox"
    busybox.write_bytes(Path("/bin/busybox").read_bytes())
    busybox.chmod(0o755)
    yield root
    podman("rm", "--all", "--force", "--time=0")


def run(rootfs: Path, runtime: str, *annotations: str) -> str:
    options = [f"--annotation={annotation}" for annotation in annotations]
    return podman(
        "run",
        "--detach",
        "--network=none",
        "--log-driver=none",
        *options,
        "--rootfs",
        str(rootfs),
        "/bin/busybox",
        "sleep",
        "1000",
        runtime=runtime,
    ).strip()


def test_annotated_container_gets_its_cell(runtime: str, rootfs: Path) -> None:
    container = run(rootfs, runtime, "org.ocihook/weight=250")
    (cell,) = cells_of(container)
    assert (cell["name"], cell["weight"]) == (container[:12], 250)
    assert cell["cgroup"].endswith(f"libpod-{container}")
    podman("rm", "--force", "--time=0", container, runtime=runtime)
    assert cells_of(container) == []


def test_container_without_an_annotation_is_left_alone(rootfs: Path) -> None:
    container = run(rootfs, "crun")
    assert cells_of(container) == []
