# SPDX-License-Identifier: Apache-2.0
"""A guest whose init is systemd: runtimes ask it for a scope, and it is the one that removes it."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bundle import TIMEOUT_S, Container, Make
from cells import cells_of
from command import command
from converge import demand_cpus
from parity.judge import Leaf
from podman import busybox_root, podman, remove_all, run
from systemd import systemctl
from waiting import until

from ocihook._bpf.pinned import cell_of
from ocihook.paths import CELL_MARK, CGROUPFS

pytestmark = [
    pytest.mark.runtime,
    pytest.mark.machine("systemd"),
    pytest.mark.usefixtures("scheduler"),
]

SLEEP = ("/bin/sleep", "1000")
ENROL = "--annotation=org.ocihook/weight=250"


@pytest.fixture
def rootfs(tmp_path: Path) -> Iterator[Path]:
    yield busybox_root(tmp_path)
    remove_all("systemd")


def leaf(container: Container) -> Path:
    """Return the cgroup that its process is in: crun makes one more below the scope."""
    return container.cgroup / "container" if container.runtime == "crun" else container.cgroup


def demand_that_a_reload_changes_nothing(container: Container) -> None:
    """systemd writes the attributes of its units again, which surprises some."""
    pid = container.state()["pid"]
    (before,) = cells_of(container.id)
    mark = os.getxattr(leaf(container), CELL_MARK)
    systemctl("daemon-reload")
    systemctl("daemon-reexec")
    (after,) = cells_of(container.id)
    named = ("cell", "generation", "cgid", "weight", "cgroup")
    assert [after[name] for name in named] == [before[name] for name in named]
    assert cell_of(pid).cell == before["cell"]
    assert os.getxattr(leaf(container), CELL_MARK) == mark


def used_us(cgroup: Path) -> int:
    """Return the CPU time that a cgroup has had."""
    return int((cgroup / "cpu.stat").read_text().split()[1])


def test_this_is_systemd() -> None:
    assert Path("/proc/1/comm").read_text() == "systemd\n"
    assert systemctl("is-active", "dbus.socket") == "active"


def test_container_in_a_scope(runtime: str, make: Make) -> None:
    """``--systemd-cgroup``: its cell is the root of its cgroup namespace.

    The second life ends without poststop: systemd removes the cgroup when its last process has
    gone.
    """
    container = make(runtime, command=SLEEP, annotations={"org.ocihook/weight": "250"})
    unit = f"ocihook-{container.id}.scope"
    container.use_systemd(f"system.slice:ocihook:{container.id}", f"system.slice/{unit}")
    container.create()
    (cell,) = cells_of(container.id)
    assert f"{CGROUPFS}{cell['cgroup']}" == os.fspath(leaf(container))
    assert (cell["cgid"], cell["weight"]) == (leaf(container).stat().st_ino, 250)
    container.start()
    demand_that_a_reload_changes_nothing(container)
    container.delete()
    until(lambda: not container.cgroup.exists(), "the scope's end")
    assert cells_of(container.id) == []

    container.run()
    assert len(cells_of(container.id)) == 1
    # Not "stop", whose SIGTERM the first process of a pid namespace ignores for 90 s.
    systemctl("kill", "--signal=KILL", container.cgroup.name)
    until(lambda: not container.cgroup.exists(), "the scope's end")
    until(lambda: not cells_of(container.id), "the cell's end")


def node_at(path: str) -> dict[str, Any]:
    """Return a cgroup as ``cells tree --json`` has it."""
    document = json.loads(command("cells", "tree", "--json", "--interval", "0.1").stdout)
    nodes = [document["root"]]
    for node in nodes:
        nodes += node["below"]
    (found,) = (node for node in nodes if node["cgroup"] == path)
    return found


def test_podman(runtime: str, rootfs: Path) -> None:
    """As on most hosts: a scope in machine.slice, conmon in another, crun's cgroup below.

    What is set on the scope holds, whether it is the cell or the cgroup above it.
    """
    busy = ("/bin/busybox", "sh", "-c", "while :; do :; done")
    container = run(rootfs, ENROL, command=busy, runtime=runtime, manager="systemd")
    unit = f"/machine.slice/libpod-{container}.scope"
    (cell,) = cells_of(container)
    expected = f"{unit}/container" if runtime == "crun" else unit
    assert (cell["cgroup"], cell["weight"]) == (expected, 250)
    scope = Path(unit).name
    systemctl("set-property", "--runtime", scope, "CPUQuota=20%", "CPUWeight=300")
    demand_cpus(Leaf(Path(f"{CGROUPFS}{unit}")), 0.2, rel=0.15, cpu_s=0.4, slices=0)
    node = node_at(unit)
    # That of the annotation stays where the scope is the cell.
    assert node["weight"] == (300 if runtime == "crun" else 250)
    assert node["quota"] == {"quota_us": 20_000, "period_us": 100_000, "burst_us": 0}
    podman("stop", "--time=0", container, runtime=runtime, manager="systemd")
    assert cells_of(container) == []
    until(lambda: not Path(f"{CGROUPFS}{unit}").exists(), "the scope's end")


def test_podman_pod_is_a_slice(rootfs: Path) -> None:
    pod = podman("pod", "create", "--infra=false", manager="systemd")
    container = run(rootfs, ENROL, f"--pod={pod}", manager="systemd")
    (cell,) = cells_of(container)
    parts = cell["cgroup"].split("/")[1:]
    assert parts[0] == "machine.slice"
    assert parts[1].startswith("machine-libpod_pod_")
    assert parts[2:] == [f"libpod-{container}.scope", "container"]
    podman("pod", "rm", "--force", "--time=0", pod, manager="systemd")
    assert cells_of(container) == []


def test_podman_in_a_unit_of_its_own(rootfs: Path) -> None:
    """``--cgroups=split``, as Quadlet writes it: beside podman, and not around it.

    What stands in the unit's section ``[Service]`` holds for the container below.
    """
    command = ["systemd-run", "--wait", "--pipe", "--property=Delegate=yes", "--unit=split"]
    command += ["podman", "--storage-driver=vfs", "--cgroup-manager=systemd", "run", "--rm"]
    command += ["--cgroups=split", "--network=none", "--log-driver=none", ENROL]
    command += ["--rootfs", os.fspath(rootfs), "/bin/busybox", "sh", "-c", "while :; do :; done"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    found: list[str] = []

    def started() -> bool:
        listed = podman("ps", "--quiet", "--no-trunc", manager="systemd").split()
        found[:] = [cell["cgroup"] for name in listed for cell in cells_of(name)]
        return bool(found)

    until(started, "the cell")
    (cgroup,) = found
    assert cgroup.startswith("/system.slice/split.service/libpod-payload-")
    home = Path(f"{CGROUPFS}{cgroup}")
    # Not before: podman is in the service, too, and would take a minute to start.
    limits = ("CPUQuota=20%", "AllowedCPUs=0")
    systemctl("set-property", "--runtime", "split.service", *limits)
    assert (home.parent / "cpu.max").read_text() == "20000 100000\n"
    assert (home / "cpuset.cpus.effective").read_text() == "0\n"
    before_us, begin_s = used_us(home), time.monotonic()
    until(lambda: used_us(home) - before_us > 600_000, "0.6 s of CPU time")
    assert time.monotonic() - begin_s > 2, "a fifth of a CPU for 3 s"
    remove_all("systemd")
    assert process.wait(TIMEOUT_S) != 0, "it was killed"


def test_hook_speaks_to_the_journal(make: Make) -> None:
    container = make("crun", command=SLEEP, annotations={"org.ocihook/weight": "heavy"}).run()
    assert [cell["weight"] for cell in cells_of(container.id)] == [100], "a plain cell"

    def said() -> str:
        done = subprocess.run(
            ["journalctl", "--output=cat", "SYSLOG_IDENTIFIER=ocihook"],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    until(lambda: container.id in said(), "a record of the failure")
    assert "weight" in said()
