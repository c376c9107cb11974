# SPDX-License-Identifier: Apache-2.0
"""cpu.max and cpu.weight of a running cell: followed, unless the cell was told otherwise."""

from __future__ import annotations

import pytest
from bundle import Make
from cells import Workload, Workloads, cells_of
from converge import demand_cpus, task_use
from waiting import until

from ocihook._bpf.kernel_btf import kernel_has_op
from ocihook.sched.cell_set import change_cell
from ocihook.sched.change import Change, parse_quota

pytestmark = pytest.mark.usefixtures("scheduler")

MS = 1_000_000
FOLLOWS_QUOTA = "cgroup_set_bandwidth"  # came with 6.17


def set_quota(cell: Workload, text: str) -> None:
    """Write cpu.max: ``QUOTA PERIOD``, or by the command where the kernel tells nothing of it."""
    if kernel_has_op(FOLLOWS_QUOTA):
        (cell.cgroup / "cpu.max").write_text(text)
    else:
        quota = "max" if text.startswith("max") else text.replace(" ", "/")
        change_cell(cell.id, Change(quota_us=parse_quota(quota)))


@pytest.mark.kernel
@pytest.mark.quick
def test_live_changes_of_the_cgroup_files_are_followed(cells: Workloads) -> None:
    """At once: when the write returns, the cell has changed."""
    cell = cells("live", 2)
    cells.begin()
    assert cell.row()["quota"] is None
    (cell.cgroup / "cpu.weight").write_text("250")
    assert cell.row()["weight"] == 250
    set_quota(cell, "30000 100000")
    assert cell.row()["quota"]["quota_us"] == 30_000
    # 1 s of 0.3 CPUs is more than 30 periods.
    demand_cpus(cell, 0.3, rel=0.15, cpu_s=1.0, slices=60)


@pytest.mark.kernel
def test_idle_and_back_is_the_weight_that_the_file_says(cells: Workloads) -> None:
    """Of 300 the kernel makes 100 by that, and tells nothing of it: a running task sees it."""
    cell = cells("idle", 1, weight=300)
    cells.begin()
    for idle, weight in (("1", 1), ("0", 100)):
        (cell.cgroup / "cpu.idle").write_text(idle)
        assert int((cell.cgroup / "cpu.weight").read_text()) == weight
        until(lambda weight=weight: cell.cell().weight == weight, f"weight {weight}")  # type: ignore[misc]


@pytest.mark.kernel
def test_set_weight_is_not_followed(cells: Workloads) -> None:
    """What would be followed has been when the write returns; the test above shows it."""
    cell = cells("named")
    (cell.cgroup / "cpu.weight").write_text("250")
    change_cell(cell.id, Change(weight=90))
    assert cell.row()["weight"] == 90
    (cell.cgroup / "cpu.weight").write_text("260")
    assert cell.row()["weight"] == 90


@pytest.mark.runtime
def test_annotated_weight_is_not_followed(make: Make) -> None:
    container = make("runc", annotations={"org.ocihook/weight": "70"}).run()
    (container.cgroup / "cpu.weight").write_text("250")
    assert cells_of(container.id)[0]["weight"] == 70
    change_cell(container.id, Change(weight=90))
    assert cells_of(container.id)[0]["weight"] == 90


@pytest.mark.runtime
def test_files_of_a_plain_container_are_followed(make: Make) -> None:
    """Without annotations the hook asks for a cell that follows."""
    container = make("crun").run()
    assert cells_of(container.id)[0]["quota"] is None
    (container.cgroup / "cpu.weight").write_text("250")
    assert cells_of(container.id)[0]["weight"] == 250
    if kernel_has_op(FOLLOWS_QUOTA):
        (container.cgroup / "cpu.max").write_text("30000 100000")
        assert cells_of(container.id)[0]["quota"]["quota_us"] == 30_000


@pytest.mark.kernel
def test_lifted_quota_lets_a_throttled_task_run_at_once(cells: Workloads) -> None:
    """At 1 ms a second it would wait for seconds, and its CPU is asleep."""
    cell = cells("lifted", 1)
    (pid,) = cell.tasks()
    cells.begin()
    for _ in range(5):
        set_quota(cell, "1000 1000000")
        until(lambda: cell.cell().throttled_since_ns, "the throttling")
        ran_ns = task_use(pid).run_ns
        set_quota(cell, "max 1000000")
        until(
            lambda ran_ns=ran_ns: task_use(pid).run_ns - ran_ns >= 20 * MS,  # type: ignore[misc]
            "20 ms of CPU time",
            timeout_s=0.5,
            step_s=0.005,
        )
    assert cell.row()["nr_throttled"]
