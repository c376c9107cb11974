# SPDX-License-Identifier: Apache-2.0
"""What cells did: waits, preemptions, CPU time on each CPU."""

from __future__ import annotations

import json
import os
import subprocess
import time

import pytest
from bundle import TIMEOUT_S, burn
from conftest import Make, cells_of, ocihook

from ocihook._bpf.pinned import unregister
from ocihook._bpf.pinned_array import PinnedArray
from ocihook.abi import CellRelease, CellStats
from ocihook.sched.cells import possible_cpus
from ocihook.schema import findings

pytestmark = pytest.mark.usefixtures("scheduler")

NAP_S = 0.01
NAPPER = (
    "/usr/bin/python3",
    "-IS",
    "-c",
    f"import time\nprint('up', flush=True)\nwhile 1: time.sleep({NAP_S})",
)


def test_wake_ups_are_counted_and_waits_are_not_longer_than_the_time(make: Make) -> None:
    """A sleeper beside busy cells on every CPU: its wake-ups are in the histogram, and only they.

    The busy tasks never sleep: they wait, but nothing wakes them up.
    """
    tasks = 2 * (os.cpu_count() or 1)
    busy = make("crun", "busy", burn(tasks)).run()
    napper = make("runc", "napper", NAPPER).run()
    napper.wait_for_output()
    (before,), (busy_before,) = cells_of(napper.id), cells_of(busy.id)
    began = time.monotonic()
    time.sleep(5)
    (after,), (busy_after,) = cells_of(napper.id), cells_of(busy.id)
    seconds = time.monotonic() - began

    waits = after["nr_waits"] - before["nr_waits"]
    assert 20 <= waits <= 1.1 * seconds / NAP_S
    waited_s = (after["wait_ns"] - before["wait_ns"]) / 1e9
    assert 0 < waited_s <= 1.1 * seconds
    assert after["wait_below_us"]["p50"] <= after["wait_below_us"]["p99"]

    assert busy_after["nr_waits"] - busy_before["nr_waits"] <= tasks
    # Half of its tasks wait at any time.
    busy_waited_s = (busy_after["wait_ns"] - busy_before["wait_ns"]) / 1e9
    assert busy_waited_s == pytest.approx(seconds * tasks / 2, rel=0.4)


def test_preemptions_are_counted_for_who_was_stopped(make: Make) -> None:
    busy = make("crun", "busy", burn(os.cpu_count() or 1)).run()
    (alone,) = cells_of(busy.id)
    napper = make("runc", "napper", NAPPER).run()
    napper.wait_for_output()
    time.sleep(3)
    (pestered,), (napping,) = cells_of(busy.id), cells_of(napper.id)
    assert pestered["nr_preempted"] - alone["nr_preempted"] >= 20
    assert napping["nr_preempted"] < pestered["nr_preempted"]


def test_enqueues_of_narrow_tasks_are_counted(make: Make) -> None:
    """Tasks that may run all over the cell are none; one that is bound to a CPU is."""
    container = make("crun", command=burn(4)).run()
    time.sleep(1)
    assert cells_of(container.id)[0]["nr_narrow"] == 0
    task = subprocess.Popen(["taskset", "-c", "0", *burn(1)])
    try:
        (container.cgroup / "cgroup.procs").write_text(str(task.pid))
        time.sleep(4)
        assert cells_of(container.id)[0]["nr_narrow"] > 10
    finally:
        task.kill()
        task.wait()


def test_tasks_that_fall_back_to_the_host_are_counted(make: Make) -> None:
    """In the slot that they had: its counters stay until it is used again."""
    container = make("crun", command=burn(3)).run()
    (cell,) = cells_of(container.id)
    table = PinnedArray("cell_stats", CellStats, copies=possible_cpus().bit_count())
    try:
        assert unregister(CellRelease(cgid=cell["cgid"])) == 1
        deadline = time.monotonic() + TIMEOUT_S
        expected = cell["nr_fallbacks"] + 3
        while (count := sum(part.nr_fallbacks for part in table.read(cell["cell"]))) != expected:
            assert time.monotonic() < deadline, (count, expected)
            time.sleep(0.1)
    finally:
        table.close()


def test_slot_that_is_used_again_starts_from_zero(make: Make) -> None:
    first = make("crun", "first", NAPPER).run()
    first.wait_for_output()
    time.sleep(1)
    (old,) = cells_of(first.id)
    assert old["nr_waits"] > 0
    first.delete()
    second = make("crun", "second", ("/bin/sleep", "1000")).create()
    (new,) = cells_of(second.id)
    assert (new["cell"], new["generation"] > old["generation"]) == (old["cell"], True)
    assert new["nr_waits"] < old["nr_waits"]


def test_show_says_all_about_one_cell(make: Make) -> None:
    container = make("crun", command=burn(2), cpu={"cpus": "1"}).run()
    time.sleep(1)
    shown = json.loads(ocihook("cells", "show", container.id[:-1], "--json").stdout)
    assert findings("cells", shown) == []
    (cell,) = shown
    assert cell["container"] == container.id
    assert set(cell["run_ns_by_cpu"]) == {"1"}
    assert cell["run_ns_by_cpu"]["1"] == cell["run_ns"] > 0
    assert cell["nr_narrow"] == 0
    text = ocihook("cells", "show", str(cell["cell"])).stdout
    assert container.id in text
    assert str(container.cgroup).removeprefix("/sys/fs/cgroup") in text
