# SPDX-License-Identifier: Apache-2.0
"""The tree of cells: its shape, from rows of the list."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ocihook import schema
from ocihook.abi import CELL_LIVE, Cell, CellStats, CellWaits
from ocihook.sched.cell_row import describe
from ocihook.sched.cell_tree import cell_tree, collapse, name_of

PATHS = st.lists(st.sampled_from("abc"), max_size=4).map(lambda names: "/" + "/".join(names))


def row(slot: int, cgroup: str | None, members: tuple[str, ...] = ()) -> dict[str, Any]:
    cell = Cell(state=CELL_LIVE, weight=100, name=b"c%d" % slot)
    return {
        **describe(slot, cell, [CellStats()], CellWaits(), 0b1),
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


@given(st.lists(PATHS | st.none(), max_size=12))
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
