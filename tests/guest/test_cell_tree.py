# SPDX-License-Identifier: Apache-2.0
"""``ocihook cells tree`` on a machine that is busy: services of the host beside a pod."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from cells import Workloads
from command import command
from parity.trees import CPUS, Group, grown

from ocihook.paths import CGROUPFS
from ocihook.schema import findings

pytestmark = [pytest.mark.once, pytest.mark.alone, pytest.mark.usefixtures("scheduler")]

TOLERANCE = 0.1
"""Of the machine."""

LOOKS = 5
"""Whatever else wants to run just when the tables are read counts as busy: the median is judged."""

NUMBERS = ("promised_cpus", "got_cpus")


@contextmanager
def inside(cgroup: Path) -> Iterator[None]:
    """Be a task of a cgroup that is busy anyway: who looks is busy as well."""
    own = Path("/proc/self/cgroup").read_text().partition("0::")[2].splitlines()[0]
    (cgroup / "cgroup.procs").write_text("0")
    try:
        yield
    finally:
        Path(CGROUPFS + own, "cgroup.procs").write_text("0")


def nodes_of(node: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return a node and all below it by their cgroups."""
    found = {node["cgroup"]: node}
    for below in node["below"]:
        found |= nodes_of(below)
    return found


def look() -> dict[str, dict[str, Any]]:
    """Return the nodes that ``cells tree --json`` shows."""
    document = json.loads(command("cells", "tree", "--json", "--interval", "2").stdout)
    assert findings("cell-tree", document) == []
    return nodes_of(document["root"])


def test_each_cgroup_gets_what_the_tree_says_it_is_promised(cells: Workloads) -> None:
    """A slice of weight 100 with a service; a pod of weight 300 with two containers, 1 to 2."""
    pod = "/" + str(cells.parent.relative_to(CGROUPFS))
    service = Group("shop.slice", below=(Group("db.service", tasks=CPUS), Group("idle.service")))
    (cells.parent / "cpu.weight").write_text("300")
    try:
        light, heavy = cells("light", CPUS), cells("heavy", CPUS, weight=200)
        with grown(service) as tree, inside(tree.parties["/shop.slice/db.service"].cgroup):
            cells.begin()
            look()  # what the tasks did before all of them ran
            looks = [look() for _ in range(LOOKS)]
    finally:
        (cells.parent / "cpu.weight").write_text("100")

    due = {
        "/": 1, "/shop.slice": 1 / 4, "/shop.slice/db.service": 1 / 4,
        pod: 3 / 4, f"{pod}/light": 1 / 4, f"{pod}/heavy": 2 / 4,
    }  # fmt: skip
    seen = {
        path: [median(nodes[path][name] for nodes in looks) / CPUS for name in NUMBERS]
        for path in due
    }
    machine = seen["/"][1]
    for path, part in due.items():
        promised, got = seen[path]
        assert promised == pytest.approx(part, abs=0.02), f"{path}: {seen}"
        assert got == pytest.approx(promised * machine, abs=TOLERANCE), f"{path}: {seen}"
    for nodes in looks:
        for parent in (pod, "/shop.slice"):
            for name in NUMBERS:
                below = [each[name] for each in nodes[parent]["below"] if each["busy"]]
                # Nothing runs in the parents themselves.
                assert nodes[parent][name] == pytest.approx(sum(below), abs=0.001)
        assert nodes["/"]["got_cpus"] <= CPUS * 1.05

    nodes = looks[-1]
    assert not nodes["/shop.slice/idle.service"]["busy"]
    assert [nodes[path]["weight"] for path in (pod, "/shop.slice", f"{pod}/heavy")] == [
        300, 100, 200
    ]  # fmt: skip
    assert [entry["cell"] for entry in nodes[f"{pod}/light"]["cells"]] == [light.slot]
    assert [entry["cell"] for entry in nodes[f"{pod}/heavy"]["cells"]] == [heavy.slot]
