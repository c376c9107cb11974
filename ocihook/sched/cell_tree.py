# SPDX-License-Identifier: Apache-2.0
"""The cells where their cgroups are: what schemas/cell-tree.schema.json describes. Pure."""

from collections.abc import Iterable
from typing import Any

MAX_LEVELS = 64
"""Below this level the rest of a path is one name: twice as deep as the scheduler looks for the
cell of a task (MAX_CGROUP_DEPTH, bpf/maps.bpf.h), and far from where JSON or Python would mind."""

_SHOWN = ("cell", "name", "container", "state", "weight", "cpus", "own_cpus", "tasks", "run_ns")


def cell_tree(rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the tree of the rows of ``ocihook.sched.cells.list_cells``.

    ``root`` is the root cgroup: each node has its path, the cells that it has (none for a cgroup
    between cells; two while one of them drains) and the nodes below, by name. A cell that several
    cgroups share is at each of them, and once more in ``shared``, with its members. ``gone`` are
    cells whose cgroup cannot be seen.
    """
    nodes = {"/": _node("/")}
    shared, gone = [], []
    for row in rows:
        if row["members"]:
            shared.append({**_entry(row), "members": row["members"]})
            for member in row["members"]:
                if member["cgroup"] is not None:
                    entry = {**_entry(row), "container": member["container"], "shared": True}
                    _at(nodes, member["cgroup"])["cells"].append(entry)
        elif row["cgroup"] is None:
            gone.append(_entry(row))
        else:
            _at(nodes, row["cgroup"])["cells"].append(_entry(row))
    for node in nodes.values():
        node["below"].sort(key=name_of)
    return {"root": nodes["/"], "shared": shared, "gone": gone}


def collapse(node: dict[str, Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Go down from a node to the first that has a cell, or more than one node below.

    Returns the nodes passed on the way, which is where nothing is to be told of, and that one.
    """
    passed = []
    while not node["cells"] and len(node["below"]) == 1:
        passed.append(node)
        (node,) = node["below"]
    return passed, node


def name_of(node: dict[str, Any]) -> str:
    """Return the name of a node's cgroup in its parent; ``/`` for the root."""
    name: str = node["cgroup"].split("/", MAX_LEVELS)[-1]
    return name or "/"


def _entry(row: dict[str, Any]) -> dict[str, Any]:
    return {**{name: row[name] for name in _SHOWN}, "shared": bool(row["members"])}


def _node(cgroup: str) -> dict[str, Any]:
    return {"cgroup": cgroup, "cells": [], "below": []}


def _at(nodes: dict[str, dict[str, Any]], cgroup: str) -> dict[str, Any]:
    """Return the node of a path; make it, and those above it, where they are missing."""
    node, path = nodes["/"], ""
    for name in cgroup.split("/", MAX_LEVELS)[1:]:
        path = f"{path}/{name}"
        if path not in nodes:
            nodes[path] = _node(path)
            node["below"].append(nodes[path])
        node = nodes[path]
    return node
