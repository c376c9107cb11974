# SPDX-License-Identifier: Apache-2.0
"""``ocihook cells tree``: screens of 80 and 120 columns, a pipe, JSON."""

import json
import os
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
import whole_tree
from whole_tree import POD, Cgroups, container_id

from ocihook import cpulist, schema
from ocihook.abi import CELL_DRAINING, CELL_LIVE, OCIHOOK_WAIT_BUCKETS, Cell, CellRunNs, CellWaits
from ocihook.cli import cell_tree as tree_command
from ocihook.errors import SchedulerUnavailable
from ocihook.sched.cell_row import Counted, describe
from ocihook.sched.usage import Reading

Run = Callable[..., Any]
Snapshot = Callable[[str, str], None]
Terminal = Callable[..., None]

WAITS = CellWaits(buckets=(0,) * 4 + (60, 0, 0, 0, 0, 40) + (0,) * (OCIHOOK_WAIT_BUCKETS - 10))


def row(slot: int, name: str, cgroup: str | None, run_s: float = 0, **members: Any) -> Any:
    """A row of list_cells, whose cell may use CPUs 0 to 3."""
    given = {"state": CELL_LIVE, "weight": 100, "generation": 1, "cgid": 100 + slot}
    container = members.pop("container", container_id(slot) if slot else "")
    shared_by = members.pop("shared_by", [])
    tasks = members.pop("tasks", 3)
    cell = Cell(**{**given, **members}, name=name.encode(), container=container.encode())
    runs = [CellRunNs(run_ns=round(run_s * 10**9)), *([CellRunNs()] * 3)]
    found = describe(slot, cell, Counted(runs, [], WAITS), 0b1111)
    return {**found, "cgroup": cgroup, "tasks": tasks, "members": shared_by}


def own(cpus: str) -> dict[str, Any]:
    return {"own": cpulist.to_words(cpulist.parse(cpus))}


SHARED_BY = [
    {
        "container": container_id(10),
        "cgid": 1,
        "cgroup": f"/machine.slice/libpod-{container_id(10)}.scope",
    },
    {
        "container": container_id(11),
        "cgid": 2,
        "cgroup": f"/machine.slice/libpod-{container_id(11)}.scope",
    },
    {"container": "batch-3", "cgid": 3, "cgroup": None},
]
ROWS = [
    row(0, "host", "/", 5025.5, weight=20000, tasks=210),
    row(1, "web", f"/machine.slice/libpod-{container_id(1)}.scope/container", 17.24, weight=300,
        **own("2-3")),
    row(2, "db", f"{POD}/cri-containerd-{container_id(2)}.scope", 1207.9, restricted=1,
        usable=cpulist.to_words(0b0011)),
    row(3, "c000000000003", f"{POD}/cri-containerd-{container_id(3)}.scope", 0.04, tasks=1),
    row(4, "old", f"/machine.slice/libpod-{container_id(9)}.scope", 3, state=CELL_DRAINING),
    row(9, "new", f"/machine.slice/libpod-{container_id(9)}.scope", 0.2),
    row(5, "pool", None, 61.5, cgid=0, container="", shared_by=SHARED_BY, weight=50),
    row(6, "lost", None, 0.3, tasks=0),
    row(7, "last", None, 0.3, state=CELL_DRAINING, tasks=0),
    row(8, "a-name-of-63-" + "x" * 50, "/user.slice/a\x1b[31mred/[bold]b", 1, **own("1")),
]  # fmt: skip


class Tables:
    """In place of the kernel's: a reading a second."""

    def __init__(self) -> None:
        self.second = 0

    def read(self) -> Reading:
        self.second += 1
        return whole_tree.at(self.second)

    def __enter__(self) -> "Tables":
        return self

    def __exit__(self, *_error: object) -> None:
        pass


@pytest.fixture(autouse=True)
def _cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree_command, "list_cells", lambda: ROWS)
    monkeypatch.setattr(tree_command, "Tables", Tables)
    monkeypatch.setattr(tree_command, "CgroupPaths", Cgroups)
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)


@pytest.mark.parametrize("columns", [80, 120])
def test_screen(run: Run, terminal: Terminal, snapshot: Snapshot, columns: int) -> None:
    terminal(columns)
    outcome = run("cells", "tree")
    assert (outcome.status, outcome.stderr) == (0, "")
    assert max(map(len, outcome.stdout.splitlines())) <= columns
    snapshot(f"cells-tree-{columns}", outcome.stdout)


def test_the_host_alone(
    run: Run, terminal: Terminal, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree_command, "list_cells", lambda: ROWS[:1])
    terminal(80)
    snapshot("cells-tree-host-alone", run("cells", "tree").stdout)


def test_a_pipe_gets_everything(run: Run) -> None:
    shown = run("cells", "tree").stdout
    assert "WAIT P99" in shown
    assert "a-name-of-63-" + "x" * 50 in shown
    assert f"libpod-{container_id(1)[:12]}….scope/container " in shown


def test_what_has_no_cell_is_dim_and_what_drains_stands_out(run: Run, terminal: Terminal) -> None:
    terminal(120, "xterm-256color")
    shown = run("cells", "tree").stdout
    assert re.search(r"\x1b\[2muser\.slice/…/\x1b\[0m\[bold\]b", shown)
    assert "\x1b[2mssh.service" not in shown, "a service that ran has something to tell"
    assert "\x1b[33mdraining\x1b[0m" in shown
    assert "\x1b[31mlost " in shown


def test_json(run: Run) -> None:
    outcome = run("cells", "tree", "--json")
    assert (outcome.status, outcome.stderr) == (0, "")
    document = json.loads(outcome.stdout)
    assert schema.findings("cell-tree", document) == []
    assert [node["cgroup"] for node in document["root"]["below"]] == [
        "/kubepods.slice", "/machine.slice", "/system.slice", "/user.slice"
    ]  # fmt: skip
    assert [entry["cell"] for entry in document["gone"]] == [6, 7]
    services = {each["cgroup"]: each for each in document["root"]["below"][2]["below"]}
    assert {path: each["busy"] for path, each in services.items()} == {
        "/system.slice/backup.service": True, "/system.slice/cron.service": False,
        "/system.slice/ssh.service": True,
    }  # fmt: skip
    assert services["/system.slice/backup.service"]["cpu_idle"]
    assert services["/system.slice/ssh.service"]["got_cpus"] == 0.4


def test_idle_cgroups_are_shown_on_request(run: Run) -> None:
    few, every = run("cells", "tree").stdout, run("cells", "tree", "--all").stdout
    assert "cron.service" not in few
    assert few.splitlines()[-1] == "idle cgroups not shown: 1 (--all shows them)"
    assert "cron.service" in every
    assert "not shown" not in every


def test_the_sample_is_as_long_as_asked_for(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    run("cells", "tree")
    run("cells", "tree", "--interval", "0.25")
    assert slept == [1.0, 0.25]


@pytest.mark.parametrize("words", [["cells"], ["cells", "tree"], ["cells", "tree", "--json"]])
def test_without_a_scheduler_it_says_what_the_list_says(
    run: Run, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    def fail() -> Any:
        raise SchedulerUnavailable("no ocihook scheduler is loaded", "start it")

    monkeypatch.setattr(tree_command, "list_cells", fail)
    monkeypatch.setattr("ocihook.cli.cells.list_cells", fail)
    message = "ocihook: no ocihook scheduler is loaded (start it)\n"
    assert run(*words) == (os.EX_UNAVAILABLE, "", message)
