# SPDX-License-Identifier: Apache-2.0
"""The cgroups that Kubernetes makes of pods, beside a host that is busy and then quiet.

As kubelet's pkg/kubelet/cm has it: the node's CPUs weigh as a request of that many; a guaranteed
pod stands beside the classes burstable, which weighs as the requests of its pods, and best effort,
which weighs 1. A pod has a limit if each of its containers has one, or if it names one itself.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest
from cells import freeze
from parity.judge import CPUS
from parity.trees import ROOT, Group, Tree, grown

from ocihook._bpf.pinned import register
from ocihook.cell import CellSpec
from ocihook.limits import NO_QUOTA, quota_from_cgroup, weight_from_shares

pytestmark = [pytest.mark.once, pytest.mark.alone, pytest.mark.usefixtures("scheduler")]


class Container(NamedTuple):
    """What a pod's specification says of one: CPUs, 0 for nothing."""

    request: float = 0
    limit: float = 0


class Pod(NamedTuple):
    """Its containers, and a limit that it names itself (since Kubernetes 1.34)."""

    containers: tuple[Container, ...]
    limit: float = 0

    def request(self) -> float:
        return sum(each.request for each in self.containers)

    def held_at(self) -> float | None:
        limits = [each.limit for each in self.containers]
        return self.limit or (sum(limits) if all(limits) else None)


Pods = dict[str, Pod]

GUARANTEED = {"db": Pod((Container(0.5, 0.5),))}
BURSTABLE = {
    "web": Pod((Container(0.6), Container(0.2, 0.25))),
    "worker": Pod((Container(0.3), Container(0.1)), limit=0.3),
}
BEST_EFFORT = {"batch": Pod((Container(),))}


class Systemd:
    """The systemd driver: nested slices, a scope for each container, and crun's cgroup in it.

    Weights as runc has them since 1.3.2.
    """

    top, burstable, best_effort = (
        "kubepods.slice",
        "kubepods-burstable.slice",
        "kubepods-besteffort.slice",
    )

    @staticmethod
    def weight(request: float) -> int:
        return weight_from_shares(shares(request))

    @staticmethod
    def pod(above: str, name: str) -> str:
        return f"{above.removesuffix('.slice')}-pod{name}.slice"

    @staticmethod
    def container(name: str, weight: int, limit: float | None) -> Group:
        inner = Group("container", tasks=CPUS)
        return Group(f"cri-containerd-{name}.scope", weight, limit, below=(inner,))


class Cgroupfs:
    """The cgroupfs driver: a directory for each container. Weights as they were before that."""

    top, burstable, best_effort = "kubepods", "burstable", "besteffort"

    @staticmethod
    def weight(request: float) -> int:
        return 1 + (shares(request) - 2) * 9999 // 262142

    @staticmethod
    def pod(above: str, name: str) -> str:
        return f"pod{name}"

    @staticmethod
    def container(name: str, weight: int, limit: float | None) -> Group:
        return Group(name, weight, limit, tasks=CPUS)


Driver = type[Systemd] | type[Cgroupfs]


def shares(request: float) -> int:
    """MilliCPUToShares of kubelet."""
    return max(2, int(request * 1024))


def made(driver: Driver, above: str, pods: Pods) -> tuple[Group, ...]:
    return tuple(pod(driver, above, name, described) for name, described in pods.items())


def pod(driver: Driver, above: str, name: str, described: Pod) -> Group:
    containers = [
        driver.container(f"{name}{i}", driver.weight(each.request), each.limit or None)
        for i, each in enumerate(described.containers)
    ]
    pause = Group("pause", driver.weight(0))
    weight = driver.weight(described.request())
    return Group(driver.pod(above, name), weight, described.held_at(), below=(*containers, pause))


def kubepods(driver: Driver) -> Group:
    weight = driver.weight(sum(each.request() for each in BURSTABLE.values()))
    classes = (
        Group(driver.burstable, weight, below=made(driver, driver.burstable, BURSTABLE)),
        Group(driver.best_effort, 1, below=made(driver, driver.best_effort, BEST_EFFORT)),
    )
    guaranteed = made(driver, driver.top, GUARANTEED)
    return Group(driver.top, driver.weight(CPUS), below=(*guaranteed, *classes))


HOST = (
    Group("system.slice", below=(Group("kubelet.service", tasks=1), Group("sshd.service"))),
    Group("user.slice", below=(Group("user-1000.slice", tasks=CPUS),)),
)


def register_containers(tree: Tree) -> None:
    """Make a cell of each container, as the hook does: of the cgroup that its tasks are in."""
    for path, leaf in tree.parties.items():
        if path.startswith("/kubepods"):
            name = path.strip("/").replace("/", ".")[-60:].strip(".")
            text = (leaf.cgroup / "cpu.max").read_text()
            quota_ns, period_ns, _ = quota_from_cgroup(text, "0") or NO_QUOTA
            spec = CellSpec(
                container=name,
                bundle_hash=1,
                name=name,
                weight=tree.claims[path].weight,
                quota_ns=quota_ns,
                period_ns=period_ns,
            )
            register(spec.request(leaf.cgroup.stat().st_ino))


@pytest.mark.parametrize("driver", [Systemd, Cgroupfs])
def test_pods_beside_a_busy_host_and_a_quiet_one(driver: Driver) -> None:
    with grown(*HOST, kubepods(driver)) as tree:
        register_containers(tree)
        tree.demand_limits(cpu_s=0.7)
        for group in HOST:
            freeze(ROOT / group.name, True)
            tree.forget(f"/{group.name}")
        assert sum(tree.due().values()) == pytest.approx(CPUS)
        assert len(tree.held()) == 4, "the pods db and worker, the containers db0 and web1"
        tree.demand_limits(cpu_s=0.7)
