# SPDX-License-Identifier: Apache-2.0
"""Weights and limits hold at every level, as cgroup v2 has them, of containers and all others."""

from __future__ import annotations

import pytest
from cells import Workloads
from converge import Party, cgroup_use, converge, demand_cpus
from parity.judge import CPUS, Leaf
from parity.trees import Group, grown

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("scheduler")]


def leaves(count: int, **members: object) -> tuple[Group, ...]:
    return tuple(Group(f"c{i}", tasks=CPUS, **members) for i in range(count))  # type: ignore[arg-type]


def test_parents_share_by_weight() -> None:
    """Two pods of weights 100 and 300, with one busy container and with four: a quarter for one."""
    with grown(Group("pod1", below=leaves(1)), Group("pod2", 300, below=leaves(4))) as tree:
        assert tree.due()["/pod1/c0"] == CPUS / 4
        tree.demand()


def test_limit_of_a_parent(cells: Workloads) -> None:
    """Half a CPU for a pod is half a CPU for all that is in it, cells and others."""
    (cells.parent / "cpu.max").write_text("50000 100000")
    try:
        for name in ("one", "two"):
            cells(name, CPUS)
        cells.begin()
        pod = Leaf(cells.parent)
        demand_cpus(pod, 0.5, rel=0.05, cpu_s=2.0, slices=0)
    finally:
        (cells.parent / "cpu.max").write_text("max")


def test_inside_a_cell(cells: Workloads) -> None:
    """Weights and a limit among the cgroups that a container makes for itself."""
    cell = cells("engine")
    inside = (
        Group("light", 100, tasks=CPUS),
        Group("heavy", 900, tasks=CPUS),
        Group("limited", 1000, 0.2, tasks=CPUS),
    )
    with grown(*inside, parent=cell.cgroup) as tree:
        cells.begin()
        tree.demand()
        assert cell.row()["runnable"] >= 2 * CPUS
        by_us = sum(cell.run_ns())
        assert by_us == pytest.approx(cgroup_use(cell.cgroup).run_ns, rel=0.1)


def test_services_of_the_host() -> None:
    """CPUWeight=, CPUQuota= and an idle group, without any container."""
    services = Group(
        "system.slice",
        below=(
            Group("a.service", 100, tasks=CPUS),
            Group("b.service", 900, tasks=CPUS),
            Group("limited.service", 300, 0.2, tasks=CPUS),
            Group("idle.service", idle=True, tasks=CPUS),
        ),
    )
    with grown(services) as tree:
        tree.demand()


def test_many_of_a_user_beside_one_service() -> None:
    """20 busy tasks of a user, and one of the system: a half for each slice."""
    with grown(
        Group("system.slice", below=(Group("db.service", tasks=1),)),
        Group("user.slice", below=(Group("user-1000.slice", tasks=20),)),
    ) as tree:
        tree.demand()


def test_idle_cells_weigh_nothing(cells: Workloads) -> None:
    """30 idle cells beside a busy one and a busy service: a half for each of these."""
    for i in range(30):
        cells(f"idle{i}")
    busy = cells("busy", CPUS)
    with grown(Group("backup.service", tasks=CPUS)) as tree:
        cells.begin()
        parties: list[Party] = [busy, *tree.parties.values()]
        converge(parties, lambda used: abs(used[0] - used[1]) < 0.06 * sum(used), cpu_s=2.0)


def test_a_weight_and_a_limit_that_change() -> None:
    """Files of a cgroup that runs are followed, and so is cpu.idle, which has no callback."""
    with grown(Group("a", 100, tasks=CPUS), Group("b", 300, tasks=CPUS)) as tree:
        tree.demand()
        a, b = (leaf.cgroup for leaf in tree.parties.values())
        (b / "cpu.weight").write_text("100")
        parties = list(tree.parties.values())

        def half(used: list[float]) -> bool:
            return abs(used[0] - used[1]) < 0.06 * sum(used)

        converge(parties, half, cpu_s=1.0, slices=50)
        (a / "cpu.idle").write_text("1")
        converge(parties, lambda used: used[0] < 0.05 * sum(used), judged=parties[1:], cpu_s=1.0)
        (a / "cpu.idle").write_text("0")
        converge(parties, half, cpu_s=1.0, slices=50)
        (b / "cpu.max").write_text("50000 100000")
        demand_cpus(parties[1], 0.5, rel=0.05, beside=parties[:1], cpu_s=1.0, slices=0)
        (b / "cpu.max").write_text("max")
        converge(parties, half, cpu_s=1.0, slices=50)
