# SPDX-License-Identifier: Apache-2.0
"""A host of 4 CPUs as the scheduler sees it: cells in pods and slices, services, readings of it."""

import hashlib

from readings import MS, Slot, live, ran, reading

from ocihook import cpulist
from ocihook.abi import CELL_DRAINING, CELL_FLAG_OWNS, CELL_NODE, CELL_NODE_DRAINING
from ocihook.sched.usage import Reading

CPUS = 0b1111
BURSTABLE = "/kubepods.slice/kubepods-burstable.slice"
POD = f"{BURSTABLE}/kubepods-burstable-pod7a1c.slice"


def container_id(number: int) -> str:
    return hashlib.sha256(b"%d" % number).hexdigest()


def libpod(number: int) -> str:
    return f"/machine.slice/libpod-{container_id(number)}.scope"


PATHS = {
    1: f"{libpod(1)}/container", 2: f"{POD}/cri-containerd-{container_id(2)}.scope",
    3: f"{POD}/cri-containerd-{container_id(3)}.scope", 4: libpod(9), 9: libpod(9),
    8: "/user.slice/a\x1b[31mred/[bold]b", 10: "/machine.slice",
    11: "/kubepods.slice", 12: BURSTABLE, 13: POD,
    14: "/system.slice", 15: "/system.slice/ssh.service", 16: "/system.slice/cron.service",
    17: "/system.slice/backup.service", 19: libpod(10), 20: libpod(11), 21: f"{libpod(1)}",
    22: "/user.slice", 23: f"{libpod(1)}/container/inner",
}  # fmt: skip
"""Where the cgroup of a slot is."""


def cgid(slot: int) -> int:
    return 100 + slot


def node(slot: int, parent: int = 0, run_s: float = 0, **members: int) -> Slot:
    cell = live("", cgid=cgid(slot), parent=parent, **{"state": CELL_NODE, **members})
    return Slot(cell, ran(run_s))


def cell(slot: int, name: str, parent: int = 0, run_s: float = 0, **members: object) -> Slot:
    return Slot(live(name, **{"cgid": cgid(slot), "parent": parent, **members}), ran(run_s))


def at(second: float) -> Reading:
    """The tables in that second."""
    own = {"flags": CELL_FLAG_OWNS, "own": cpulist.to_words(cpulist.parse("2"))}
    t = second
    return reading(
        second,
        [
            Slot(live("host", cgid=1), ran(0.5 * t)),
            cell(1, "web", 21, 1.5 * t, weight=300, nr_runnable=2, nr_nested=1, **own),
            cell(2, "db", 13, 0.5 * t, nr_runnable=1),
            cell(3, "c000000000003", 13),
            cell(4, "old", 10, 0.01 * t, state=CELL_DRAINING, nr_runnable=1),
            cell(0, "pool", 10, 0.4 * t, weight=50, cgid=0, nr_members=3, nr_runnable=1),
            cell(6, "lost", 10),
            cell(7, "last", 10, 0.1 * t, state=CELL_DRAINING),
            cell(8, "a-name-of-63-" + "x" * 50, 22),
            cell(9, "new", 10, cgid=cgid(4)),
            node(10),
            node(11),
            node(12, 11, weight=30),
            node(13, 12, quota_ns=50 * MS, period_ns=100 * MS),
            node(14, weight=200),
            node(15, 14, 0.4 * t, nr_runnable=1),
            node(16, 14),
            node(17, 14, 0.0625 * t, weight=1, nr_runnable=1),
            node(18, 14, 0.025 * t, state=CELL_NODE_DRAINING),
            cell(19, "pool", 10, shared=5, shared_generation=1),
            cell(20, "pool", 10, shared=5, shared_generation=1),
            node(21, 10),
            node(22),
            node(23, 1, 0.5 * t, box=1, nr_runnable=1),
        ],
        CPUS,
    )


class Cgroups:
    """In place of cgroupfs: what ``CgroupPaths`` would find there."""

    def of(self, _nodes: object) -> dict[int, str]:
        return {cgid(slot): path for slot, path in PATHS.items()}

    def idle(self, _nodes: object) -> set[int]:
        return {cgid(17)}
