# SPDX-License-Identifier: Apache-2.0
"""The tree of cells: its shape, from rows of the list."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from whole_tree import PATHS, POD, at, cgid, libpod

from ocihook import schema
from ocihook.abi import CELL_LIVE, Cell, CellRunNs, CellWaits
from ocihook.sched.cell_row import Counted, describe
from ocihook.sched.cell_tree import (
    cell_tree,
    collapse,
    name_of,
    rows_of,
    without_idle,
)
from ocihook.sched.cell_tree import (
    flat as flattened,
)
from ocihook.sched.usage import usage

SHORT = st.lists(st.sampled_from("abc"), max_size=4).map(lambda names: "/" + "/".join(names))


def row(slot: int, cgroup: str | None, members: tuple[str, ...] = ()) -> dict[str, Any]:
    cell = Cell(state=CELL_LIVE, weight=100, name=b"c%d" % slot)
    return {
        **describe(slot, cell, Counted([CellRunNs()], [], CellWaits()), 0b1),
        "cgroup": cgroup,
        "members": [
            {"container": f"m{i}", "cgid": i, "cgroup": path} for i, path in enumerate(members)
        ],
    }


def flat(node: dict[str, Any]) -> list[tuple[str, list[int]]]:
    slots = [entry["cell"] for entry in node["cells"]]
    return [(node["cgroup"], slots)] + [each for below in node["below"] for each in flat(below)]


def test_cgroups_between_cells_are_there_without_one() -> None:
    document = cell_tree([row(0, "/"), row(2, "/b/x/y"), row(1, "/a"), row(3, "/b/x")])
    assert flat(document["root"]) == [
        ("/", [0]), ("/a", [1]), ("/b", []), ("/b/x", [3]), ("/b/x/y", [2])
    ]  # fmt: skip
    assert (document["shared"], document["gone"]) == ([], [])


def test_without_a_host_there_is_a_root() -> None:
    assert flat(cell_tree([])["root"]) == [("/", [])]


def test_a_shared_cell_is_at_each_of_its_cgroups() -> None:
    document = cell_tree([row(5, None, ("/a", "/b"))])
    assert flat(document["root"]) == [("/", []), ("/a", [5]), ("/b", [5])]
    entries = [node["cells"][0] for node in document["root"]["below"]]
    assert [(entry["container"], entry["shared"]) for entry in entries] == [
        ("m0", True), ("m1", True)
    ]  # fmt: skip
    assert [entry["cell"] for entry in document["shared"]] == [5]
    assert document["gone"] == []


@given(st.lists(SHORT | st.none(), max_size=12))
def test_every_cell_is_somewhere_once(paths: list[str | None]) -> None:
    document = cell_tree(row(slot, path) for slot, path in enumerate(paths))
    assert schema.findings("cell-tree", document) == []
    found = [(path, slot) for path, slots in flat(document["root"]) for slot in slots] + [
        (None, entry["cell"]) for entry in document["gone"]
    ]
    assert sorted(found, key=lambda each: each[1]) == [
        (path, slot) for slot, path in enumerate(paths)
    ]


def test_collapse_stops_where_there_is_something_to_tell() -> None:
    root = cell_tree([row(1, "/a/b/c/d"), row(2, "/a/b/c/d/e"), row(3, "/a/b/c/d/f")])["root"]
    passed, node = collapse(root)
    assert ([name_of(each) for each in passed], node["cgroup"]) == (
        ["/", "a", "b", "c"],
        "/a/b/c/d",
    )
    assert collapse(node) == ([], node)


def test_a_cgroup_at_any_depth_is_shown() -> None:
    """A path has 4096 bytes, so it may have 2048 levels; JSON and Python mind at 1000."""
    path = "/a" * 2000
    document = cell_tree([row(1, path)])
    assert json.loads(json.dumps(document)) == document
    _, node = collapse(document["root"])
    assert (node["cgroup"], [entry["cell"] for entry in node["cells"]]) == (path, [1])
    assert name_of(node) == "a/" * 1936 + "a"


SEEN = usage(at(1), at(2), nodes=True)
BY_CGID = {cgid(slot): path for slot, path in PATHS.items()}
DOCUMENT = cell_tree(rows_of(SEEN, BY_CGID), SEEN, BY_CGID, {cgid(17)})


def nodes_of(node: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return all nodes of a tree by their cgroups."""
    found = {node["cgroup"]: node}
    for below in node["below"]:
        found |= nodes_of(below)
    return found


NODES = nodes_of(DOCUMENT["root"])


def test_each_cgroup_is_there_with_what_it_got() -> None:
    assert set(NODES) == {"/", "/user.slice/a\x1b[31mred", *PATHS.values()}
    got = {path: node["got_cpus"] for path, node in NODES.items() if node["got_cpus"]}
    assert got == {
        "/": 3.01, "/kubepods.slice": 0.5, PATHS[12]: 0.5, POD: 0.5, PATHS[2]: 0.5,
        # With the cell that 19 and 20 share, and those that are gone.
        "/machine.slice": 2.01, libpod(1): 1.5, PATHS[1]: 1.5, PATHS[23]: 0.5, libpod(9): 0.01,
        # With a service that has ended.
        "/system.slice": 0.4875, PATHS[15]: 0.4, PATHS[17]: 0.0625,
    }  # fmt: skip


def test_promises_of_the_busy_add_up() -> None:
    promised = {path: node["promised_cpus"] for path, node in NODES.items()}
    assert promised["/"] == 4
    tops = ["/kubepods.slice", "/machine.slice", "/system.slice"]
    assert abs(sum(promised[path] for path in tops) - 4) < 0.001
    assert promised[POD] == promised[PATHS[2]] == 0.5, "an idle sibling takes nothing away"
    assert promised[PATHS[3]] == 0.25, "and is told what it would get"
    assert promised[PATHS[8].rsplit("/", 1)[0]] is None, "a cgroup that is no node"
    assert promised[libpod(10)] is None, "its cell is shared"
    assert not NODES["/user.slice"]["busy"]


def test_weights_and_limits_are_those_of_the_cgroups() -> None:
    assert [(path, node["weight"]) for path, node in NODES.items() if node["weight"] != 100] == [
        ("/", None), (PATHS[12], 30), (libpod(10), None), (libpod(11), None), (PATHS[1], 300),
        ("/system.slice", 200), (PATHS[17], 1), ("/user.slice/a\x1b[31mred", None),
    ]  # fmt: skip
    assert [path for path, node in NODES.items() if node["cpu_idle"]] == [PATHS[17]]
    assert {path: node["quota"] for path, node in NODES.items() if node["quota"]} == {
        POD: {"quota_us": 50_000, "period_us": 100_000, "burst_us": 0}
    }


def test_a_limit_that_was_read_while_it_changed_is_none() -> None:
    torn = SEEN._replace(nodes=tuple(each._replace(period_us=0) for each in SEEN.nodes))
    document = cell_tree([], torn, BY_CGID)
    assert {node["quota"] for node in nodes_of(document["root"]).values()} == {None}
    assert schema.findings("cell-tree", document) == []


def test_idle_cgroups_are_left_out_but_not_cells() -> None:
    root, left_out = without_idle(DOCUMENT["root"])
    assert left_out == 1
    assert set(NODES) - set(nodes_of(root)) == {PATHS[16]}
    assert len(nodes_of(DOCUMENT["root"])) == len(NODES), "what it was given stays as it is"


def test_a_limit_on_the_way_is_not_passed_over() -> None:
    root, _ = without_idle(DOCUMENT["root"])
    lines = [
        ("/".join(map(name_of, [*passed, node])), depth)
        for depth, passed, node in flattened(root, lambda node: -node["got_cpus"])
    ]
    assert lines[:5] == [
        ("/", 0), ("machine.slice", 1), (PATHS[1].removeprefix("/machine.slice/"), 2),
        ("inner", 3), (name_of(NODES[libpod(9)]), 2),
    ]  # fmt: skip
    assert ("kubepods.slice/kubepods-burstable.slice", 1) in lines
    assert (name_of(NODES[POD]), 2) in lines


def test_what_is_gone_counts_where_the_scheduler_has_it() -> None:
    """Without paths, all of it counts at the root; in a circle of parents as well."""
    nothing = cell_tree([], SEEN, {})["root"]
    assert (nothing["below"], nothing["got_cpus"], nothing["promised_cpus"]) == ([], 3.01, 4)
    circle = SEEN._replace(nodes=tuple(each._replace(parent=each.slot) for each in SEEN.nodes))
    assert cell_tree([], circle, {})["root"]["got_cpus"] == 3.01


def test_the_cells_of_a_reading_are_where_those_of_the_list_are() -> None:
    assert {path: [entry["cell"] for entry in node["cells"]]
            for path, node in NODES.items() if node["cells"]} == {
        "/": [0], PATHS[1]: [1], PATHS[2]: [2], PATHS[3]: [3], PATHS[4]: [4, 9], PATHS[8]: [8],
        libpod(10): [5], libpod(11): [5],
    }  # fmt: skip
    assert [entry["cell"] for entry in DOCUMENT["gone"]] == [6, 7]
    assert [entry["cell"] for entry in DOCUMENT["shared"]] == [5]
