# SPDX-License-Identifier: Apache-2.0
"""Own CPUs: lent while idle, back when their owner wakes. Two CPUs, of which one may be owned."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from bundle import Container, burn
from conftest import Make, cells_of
from load import cpus_used

from ocihook import cpulist
from ocihook.sched.cells import list_cells
from ocihook.sched.loader import read_record

pytestmark = pytest.mark.usefixtures("scheduler")

SLEEP = ("/bin/sleep", "1000")
OWN = "1"
"""The CPU that is asked for by its number; 0 stays the host's."""


@contextmanager
def pinned_loop(cpu: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a task of the host that never sleeps and may run on `cpu` only."""
    with subprocess.Popen(["taskset", "-c", cpu, *burn(1)]) as task:
        try:
            yield task
        finally:
            task.kill()


def run_s(task: subprocess.Popen[bytes]) -> float:
    return int(Path(f"/proc/{task.pid}/schedstat").read_text().split()[0]) / 1e9


def owner(make: Make, name: str = "owner", **annotations: str) -> Container:
    wishes = {f"org.ocihook/{key}": value for key, value in annotations.items()}
    return make(
        "crun", name, burn(2), annotations={"org.ocihook/cpus": f"{OWN}-{OWN}", **wishes}
    ).create()


def test_a_count_is_picked_and_given_back(runtime: str, make: Make) -> None:
    container = make(runtime, command=SLEEP, annotations={"org.ocihook/cpus": "1"}).run()
    (cell,) = cells_of(container.id)
    assert len(cell["own_cpus"]) == 1
    assert cpulist.from_words(read_record().owned) == cpulist.parse(cell["own_cpus"])
    container.delete()
    assert cpulist.from_words(read_record().owned) == 0


def test_own_cpu_is_lent_while_idle_and_comes_back(make: Make) -> None:
    """The owner is created and does not run yet; then it is busy; then it is gone."""
    mine = owner(make)
    others = make("runc", "others", burn(4)).run()
    assert cells_of(mine.id)[0]["own_cpus"] == OWN
    lent = cpus_used([others], 4)
    mine.start()
    time.sleep(1)
    kept = cpus_used([mine, others], 5)
    assert lent[0] > 1.5, lent
    assert kept[0] > 0.8, kept
    assert kept[1] > 0.7, kept
    (cell,) = cells_of(others.id)
    assert cell["borrowed_ns"] > 2e9
    assert cells_of(mine.id)[0]["lent_ns"] > 2e9
    mine.kill_tasks()
    assert cpus_used([others], 4)[0] > 1.5


def test_own_cpu_that_is_not_lent_stays_idle(make: Make) -> None:
    mine = owner(make, lend="false")
    others = make("runc", "others", burn(4)).run()
    assert cpus_used([others], 4)[0] < 1.1
    assert not cells_of(others.id)[0]["borrowed_ns"]
    mine.start()
    used = cpus_used([mine, others], 4)
    assert used[0] > 0.8, used


def test_cell_that_does_not_borrow_leaves_it_alone(make: Make) -> None:
    owner(make)
    others = make("runc", "others", burn(4), annotations={"org.ocihook/borrow": "false"}).run()
    assert cpus_used([others], 4)[0] < 1.1


def test_owner_borrows_what_nobody_else_wants(make: Make) -> None:
    """Two tasks, one own CPU: the other CPU as well while it is idle, none of it once it is not."""
    mine = owner(make).start()
    assert cpus_used([mine], 4)[0] > 1.5
    others = make("runc", "others", burn(2)).run()
    used = cpus_used([mine, others], 5)
    assert used[0] < 1.2, used
    assert used[1] > 0.7, used


def test_task_bound_to_anothers_own_cpu_gets_a_little(make: Make) -> None:
    """The kernel can run it nowhere else, so it is not starved; nor may it take much."""
    mine = owner(make).start()
    others = make("runc", "others", burn(2)).run()
    with pinned_loop(OWN) as task:
        time.sleep(1)
        before = run_s(task)
        used = cpus_used([mine, others], 8)
        share = (run_s(task) - before) / 8
    assert 0.03 < share < 0.35, share
    assert used[0] > 0.6, used


def test_taken_cpus_are_refused_or_left_out(make: Make) -> None:
    """A wish is degraded with a word on stderr; a required one is the end of the start."""
    mine = owner(make)
    poor = owner(make, "poor")
    assert not cells_of(poor.id)[0]["own_cpus"]
    wishes = {"org.ocihook/cpus": f"{OWN}-{OWN}", "org.ocihook/required": "true"}
    strict = make("runc", "strict", SLEEP, annotations=wishes)
    done = strict.call("create", "--bundle", os.fspath(strict.bundle), strict.id, check=False)
    assert done.returncode != 0
    assert cells_of(mine.id)[0]["own_cpus"] == OWN


def test_owner_outlives_its_cpu(make: Make) -> None:
    """Offline, the own CPU is nobody's; the owner shares the others. Online, it is the owner's."""
    mine = owner(make).start()
    others = make("runc", "others", burn(2)).run()
    online = Path(f"/sys/devices/system/cpu/cpu{OWN}/online")
    try:
        online.write_text("0")
        time.sleep(1)
        used = cpus_used([mine, others], 5)
        assert min(used) > 0.25, used
    finally:
        online.write_text("1")
    time.sleep(1)
    used = cpus_used([mine, others], 5)
    assert used[0] > 0.8, used


def test_cells_of_one_name_are_one_cell(make: Make) -> None:
    """Two containers of one name beside a third: the two together get what it gets alone."""
    name = {"org.ocihook/cell": "web"}
    pair = [make(runtime, runtime, burn(2), annotations=name).run() for runtime in ("runc", "crun")]
    third = make("runc", "third", burn(2)).run()
    cell = cells_of(pair[0].id)[0]
    assert cell["cell"] == cells_of(pair[1].id)[0]["cell"]
    assert {member["container"] for member in cell["members"]} == {each.id for each in pair}
    time.sleep(1)
    used = cpus_used([*pair, third], 10)
    assert (used[0] + used[1]) / used[2] == pytest.approx(1, rel=0.15), used
    pair[0].delete()
    assert len(cells_of(pair[1].id)[0]["members"]) == 1
    pair[1].delete()
    assert not [cell for cell in list_cells() if cell["name"] == "web" and cell["state"] == "live"]
