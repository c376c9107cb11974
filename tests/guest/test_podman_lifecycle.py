# SPDX-License-Identifier: Apache-2.0
"""podman's ways to end a container and to start it again: always one cell, of the cgroup that is.

With the installed hooks.d files: an annotation is all that a user adds. poststop is called by
podman itself, from a process that conmon starts when the container ends.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cells import cells_of
from podman import busybox_root, podman, remove_all, run
from waiting import until

from ocihook.paths import CGROUPFS

pytestmark = [pytest.mark.runtime, pytest.mark.usefixtures("scheduler")]

ENROL = "--annotation=org.ocihook/weight=250"


@pytest.fixture
def rootfs(tmp_path: Path) -> Iterator[Path]:
    yield busybox_root(tmp_path)
    remove_all()


def cgroup_of(container: str) -> Path:
    """Return the cgroup of the container's only cell, which is as its annotation asks for."""
    (cell,) = cells_of(container)
    assert (cell["name"], cell["weight"]) == (container[:12], 250)
    assert cell["cgroup"].endswith(f"libpod-{container}")
    found = Path(f"{CGROUPFS}{cell['cgroup']}")
    assert found.stat().st_ino == cell["cgid"]
    return found


def kill_workload(container: str) -> int:
    """Kill the container's process; return the id of the cgroup that it was in."""
    cgroup = cgroup_of(container)
    cgid = cgroup.stat().st_ino
    (pid,) = (cgroup / "cgroup.procs").read_text().split()
    os.kill(int(pid), signal.SIGKILL)
    return cgid


def kill_conmon(container: str) -> None:
    """Kill what holds the container, and wait for its end."""
    conmon = int(podman("inspect", "--format={{.State.ConmonPid}}", container))
    os.kill(conmon, signal.SIGKILL)
    until(lambda: not Path(f"/proc/{conmon}").exists(), "conmon's end")


def test_container_without_an_annotation_is_left_alone(rootfs: Path) -> None:
    assert cells_of(run(rootfs)) == []


def test_stop_start_restart_and_a_killed_conmon(rootfs: Path) -> None:
    """Without conmon, the container runs on with its cell; podman's next command sees its end."""
    container = run(rootfs, ENROL)
    first = cgroup_of(container).stat().st_ino
    podman("stop", "--time=0", container)
    assert cells_of(container) == []
    podman("start", container)
    second = cgroup_of(container).stat().st_ino
    podman("restart", "--time=0", container)
    third = cgroup_of(container).stat().st_ino
    assert len({first, second, third}) == 3
    kill_conmon(container)
    cgroup = cgroup_of(container)
    kill_workload(container)
    assert len(cells_of(container)) == 1, "the cgroup is still there"
    # podman 5.4 complains of conmon's end once ("exited prematurely"), and then removes it.
    podman("rm", "--force", "--time=0", container, check=False)
    podman("rm", "--force", "--time=0", container)
    assert not cgroup.exists()
    assert cells_of(container) == []


def test_restart_policy(rootfs: Path) -> None:
    container = run(rootfs, ENROL, "--restart=always")
    cgids = [kill_workload(container)]
    for _ in range(2):
        until(
            lambda: [cell for cell in cells_of(container) if cell["cgid"] not in cgids],
            "a cell for the container that was started again",
        )
        # It is not started yet: killed now, it would not have been, and that is no restart.
        podman("wait", "--condition=running", container)
        cgids.append(kill_workload(container))
    assert len(set(cgids)) == 3


def test_pod(rootfs: Path) -> None:
    """Each container of a pod has its own cell, in a cgroup below the pod's."""
    pod = podman("pod", "create", "--infra=false")
    containers = [run(rootfs, ENROL, f"--pod={pod}", runtime=name) for name in ("crun", "runc")]
    assert len({cells_of(container)[0]["cell"] for container in containers}) == 2
    assert [cgroup_of(container).parent.name for container in containers] == [pod, pod]
    podman("pod", "rm", "--force", "--time=0", pod)
    assert [cells_of(container) for container in containers] == [[], []]


def test_killed_podman_run(rootfs: Path, tmp_path: Path) -> None:
    """podman in the foreground is killed: conmon has the container, and poststop comes from it.

    It also removes the container, as ``--rm`` asks for.
    """
    cidfile = tmp_path / "id"
    what = ("run", "--network=none", "--log-driver=none", ENROL, "--rm", f"--cidfile={cidfile}")
    process = subprocess.Popen(
        ["podman", *what, "--rootfs", str(rootfs), "/bin/busybox", "sleep", "1000"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    container = until(lambda: cidfile.exists() and cidfile.read_text(), "the container's id")
    until(lambda: cells_of(str(container)), "the container's cell")
    podman("wait", "--condition=running", str(container))
    process.kill()
    process.wait()
    kill_workload(str(container))
    until(lambda: not cells_of(str(container)), "the cell's end")
    until(lambda: podman("ps", "--all", "--quiet") == "", "the container's end", step_s=0.5)
