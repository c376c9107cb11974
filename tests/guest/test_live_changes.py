# SPDX-License-Identifier: Apache-2.0
"""cpu.max and cpu.weight of a running container: followed, unless its cell was told otherwise."""

from __future__ import annotations

import time

import pytest
from bundle import burn
from conftest import Make, cells_of
from load import cpus_used, task_ns, tasks_of

from ocihook._bpf.kernel_btf import kernel_has_op
from ocihook.sched.cell_set import change_cell
from ocihook.sched.change import Change, parse_quota

pytestmark = pytest.mark.usefixtures("scheduler")

MS = 1_000_000


def test_live_changes_of_the_cgroup_files_are_followed(make: Make) -> None:
    """At once: when the write returns, the cell has changed."""
    container = make("crun", command=burn(2)).run()
    assert cells_of(container.id)[0]["quota"] is None
    (container.cgroup / "cpu.weight").write_text("250")
    assert cells_of(container.id)[0]["weight"] == 250
    if not kernel_has_op("cgroup_set_bandwidth"):  # came with 6.17
        change_cell(container.id, Change(quota_us=(30_000, 100_000)))
    else:
        (container.cgroup / "cpu.max").write_text("30000 100000")
        assert cells_of(container.id)[0]["quota"]["quota_us"] == 30_000
    assert cpus_used([container], 5)[0] == pytest.approx(0.3, rel=0.15)


def test_what_was_named_is_not_followed(make: Make) -> None:
    container = make("runc", annotations={"org.ocihook/weight": "70"}).run()
    (container.cgroup / "cpu.weight").write_text("250")
    time.sleep(0.2)
    assert cells_of(container.id)[0]["weight"] == 70
    change_cell(container.id, Change(weight=90))
    assert cells_of(container.id)[0]["weight"] == 90


def test_lifted_quota_lets_a_throttled_task_run_at_once(make: Make) -> None:
    """At 1 ms a second it would wait for seconds, and its CPU is asleep."""
    container = make("crun", command=burn(1)).run()
    (pid,) = tasks_of(container.cgroup)
    for _ in range(5):
        if kernel_has_op("cgroup_set_bandwidth"):
            (container.cgroup / "cpu.max").write_text("1000 1000000")
        else:
            change_cell(container.id, Change(quota_us=(1_000, 1_000_000)))
        time.sleep(0.5)
        ran_ns = task_ns(pid)
        if kernel_has_op("cgroup_set_bandwidth"):
            (container.cgroup / "cpu.max").write_text("max 1000000")
        else:
            change_cell(container.id, Change(quota_us=parse_quota("max")))
        deadline = time.monotonic() + 0.5
        while task_ns(pid) - ran_ns < 20 * MS:
            assert time.monotonic() < deadline
            time.sleep(0.005)
    assert cells_of(container.id)[0]["nr_throttled"]
