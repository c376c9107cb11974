# SPDX-License-Identifier: Apache-2.0
"""podman's pods: the limit of a pod, weights of pods and containers, and their changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cells import cells_of, freeze
from converge import demand_cpus
from parity.found import Found, Start
from parity.judge import CPUS, Leaf
from podman import busybox_root, podman, run

from ocihook.paths import CGROUPFS

pytestmark = [pytest.mark.runtime, pytest.mark.usefixtures("scheduler")]

ENROL = "--annotation=org.ocihook/required=true"
UPDATABLE = "--health-timeout=30s"
"""podman 5.8 updates no container without it: "healthcheck-timeout must be at least 1 second"."""
POD_CPUS = 0.4 * CPUS


@pytest.fixture
def rootfs(tmp_path: Path) -> Iterator[Path]:
    yield busybox_root(tmp_path)
    podman("pod", "rm", "--all", "--force", "--time=0")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    directory = tmp_path / "start"
    directory.mkdir()
    made = Start(directory)
    yield made
    made.close()


def cgroup_of(container: str) -> Path:
    (cell,) = cells_of(container)
    return Path(f"{CGROUPFS}{cell['cgroup']}")


def test_two_in_one_pod_and_one_in_another(rootfs: Path, start: Start) -> None:
    """One life: a pod's limit, weights in it and of pods, and a container's limit."""
    limited = podman("pod", "create", "--infra=false", f"--cpus={POD_CPUS}")
    other = podman("pod", "create", "--infra=false")

    def busy(pod: str, shares: int, runtime: str) -> str:
        options = (ENROL, UPDATABLE, f"--pod={pod}", f"--cpu-shares={shares}")
        volume = f"--volume={start.path.parent}:/start"
        command = ("/bin/busybox", "sh", "-c", start.command("/start/start"))
        return run(rootfs, *options, volume, command=command, runtime=runtime)

    containers = [
        busy(limited, 2048, "crun"),
        busy(limited, 512, "runc"),
        busy(other, 1024, "crun"),
    ]
    cgroups = [cgroup_of(each) for each in containers]
    start.begin(cgroups)
    found = Found(cgroups)
    many, few, alone = found.due().values()
    assert many + few == pytest.approx(POD_CPUS)
    assert many > 2 * few, "of shares of 4 to 1 runtimes make weights of 79 to 20, or 174 to 59"
    assert alone == pytest.approx(CPUS - POD_CPUS)
    found.demand_limits(cpu_s=0.7)

    # With nothing beside it, no weight of another pod keeps it at its limit.
    freeze(cgroups[2].parent, True)
    demand_cpus(Leaf(cgroups[0].parent), POD_CPUS, rel=0.05, cpu_s=1.0, slices=0)
    freeze(cgroups[2].parent, False)

    podman("update", "--cpus=0.1", containers[0])
    # podman 5.4 keeps --cpu-shares of a pod to itself where it makes the cgroup.
    (cgroups[2].parent / "cpu.weight").write_text("300")
    found = Found(cgroups)
    assert list(found.due().values()) == pytest.approx([0.1, CPUS / 4 - 0.1, CPUS * 3 / 4])
    found.demand_limits(cpu_s=0.7)
