# SPDX-License-Identifier: Apache-2.0
"""The tree of cgroups with the cells in it: what schemas/cell-tree.schema.json describes. Pure."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from ocihook.abi import OCIHOOK_WEIGHT_DEFAULT
from ocihook.sched.node_usage import NodeUsage
from ocihook.sched.tree import HOST_CELL
from ocihook.sched.usage import Usage

MAX_LEVELS = 64
"""Below this level the rest of a path is one name: twice as deep as the scheduler looks for the
cell of a task (MAX_CGROUP_DEPTH, bpf/state.bpf.h), and far from where JSON or Python would mind."""

NOTHING = Usage(0, [], [])
"""In place of what the nodes did."""

_SHOWN = ("cell", "name", "container", "state", "weight", "cpus", "own_cpus", "tasks", "run_ns")
_DIGITS = 4

_Node = dict[str, Any]


def cell_tree(
    rows: Iterable[dict[str, Any]],
    seen: Usage = NOTHING,
    paths: Mapping[int, str] | None = None,
    cpu_idle: Collection[int] = (),
) -> dict[str, Any]:
    """Return the tree of the rows of ``ocihook.sched.cells.list_cells``, and of all nodes.

    ``seen`` is what cells and nodes did; ``paths`` has the cgroups of nodes that are there, by
    their ids; ``cpu_idle`` are those whose cpu.idle is set.

    ``root`` is the root cgroup: each node has its path, the cells that it has (none for another
    cgroup; two while one of them drains) and the nodes below, by name. Its numbers are sums over
    all that lies at and below it. A cell that several cgroups share is at each of them, and once
    more in ``shared``, with its members; ``gone`` are cells whose cgroup cannot be seen. What both
    did is part of the sums above the place that the scheduler has for them.
    """
    tree = _Tree(seen, paths or {})
    did = {row.cell: row for row in seen.cells}

    def entry(row: dict[str, Any]) -> dict[str, Any]:
        cell = did.get(row["cell"])
        return {
            **{name: row[name] for name in _SHOWN if name in row},
            "shared": bool(row["members"]),
            "promised_cpus": round(cell.promised, _DIGITS) if cell else None,
            "got_cpus": round(cell.got, _DIGITS) if cell else 0.0,
        }

    shared, gone = [], []
    for row in rows:
        if row["members"]:
            shared.append({**entry(row), "members": row["members"]})
            for member in row["members"]:
                if member["cgroup"] is not None:
                    of_it = {**entry(row), "container": member["container"]}
                    tree.at(member["cgroup"])["cells"].append(of_it)
        elif row["cgroup"] is None:
            gone.append(entry(row))
        else:
            tree.at(row["cgroup"])["cells"].append(entry(row))
    return {"root": tree.summed(cpu_idle), "shared": shared, "gone": gone}


class _Tree:
    """Nodes by their paths, made where they are asked for."""

    def __init__(self, seen: Usage, paths: Mapping[int, str]) -> None:
        self._nodes = {"/": _node("/")}
        self._slots = {each.slot: each for each in seen.nodes}
        self._paths = paths
        self._is: dict[str, NodeUsage] = {}
        """The node of the scheduler that a cgroup is; while one drains, the one that came after."""
        for each in seen.nodes:
            path = self._path(each)
            if path is not None and (path not in self._is or not each.draining):
                self._is[path] = each
            self._add(each)

    def at(self, cgroup: str) -> _Node:
        """Return the node of a path; make it, and those above it, if they are missing."""
        node, path = self._nodes["/"], ""
        for name in cgroup.split("/", MAX_LEVELS)[1:]:
            path = f"{path}/{name}"
            if path not in self._nodes:
                self._nodes[path] = _node(path)
                node["below"].append(self._nodes[path])
            node = self._nodes[path]
        return node

    def summed(self, cpu_idle: Collection[int]) -> _Node:
        """Fill the nodes in, and return the root."""
        for path, each in self._is.items():
            node = self._nodes[path]
            if each.slot != HOST_CELL and not each.shared:
                node["weight"] = each.weight
                node["cpu_idle"] = each.cgid in cpu_idle
                node["quota"] = _quota(each)
        self._sum(self._nodes["/"])
        return self._nodes["/"]

    def _path(self, each: NodeUsage) -> str | None:
        return "/" if each.slot == HOST_CELL else self._paths.get(each.cgid)

    def _add(self, each: NodeUsage) -> None:
        """Add what a node's own tasks did to its cgroup, or to the next above that is there."""
        above: NodeUsage | None = each
        for _ in self._slots:
            if above is None or self._path(above) is not None:
                break
            above = self._slots.get(above.parent)
        node = self.at((self._path(above) if above else None) or "/")
        node["busy"] |= each.busy
        node["promised_cpus"] += each.promised
        node["got_cpus"] += each.got
        node["runnable"] += each.runnable

    def _sum(self, node: _Node) -> None:
        node["below"].sort(key=name_of)
        for below in node["below"]:
            self._sum(below)
            node["busy"] |= below["busy"]
            node["runnable"] += below["runnable"]
            node["got_cpus"] += below["got_cpus"]
            # What an idle one would get is no part of what those above it are promised.
            node["promised_cpus"] += below["promised_cpus"] if below["busy"] else 0.0
        for figure in ("promised_cpus", "got_cpus"):
            node[figure] = round(node[figure], _DIGITS)
        if not node["busy"]:
            slot = self._is.get(node["cgroup"])
            due = None if slot is None or slot.shared else round(slot.whole, _DIGITS)
            node["promised_cpus"] = due


def without_idle(root: _Node) -> tuple[_Node, int]:
    """Return the tree without cgroups at and below which nothing is busy and no cell is.

    And how many those are.
    """
    left_out = 0

    def copy(node: _Node) -> _Node:
        nonlocal left_out
        below = [copy(each) for each in node["below"]]
        kept = [each for each in below if each["busy"] or each["cells"] or each["below"]]
        left_out += len(below) - len(kept)
        return {**node, "below": kept}

    return copy(root), left_out


def collapse(node: _Node) -> tuple[list[_Node], _Node]:
    """Go down from a node to the first of which there is something to tell.

    That is a cell, a weight or a limit, more than one node below, or tasks of its own. Returns the
    nodes passed on the way, and that one.
    """
    passed = []
    while len(node["below"]) == 1 and not _tells(node):
        passed.append(node)
        (node,) = node["below"]
    return passed, node


def _tells(node: _Node) -> bool:
    (below,) = node["below"]
    numbers = ("promised_cpus", "got_cpus", "runnable")
    return bool(
        node["cells"]
        or node["quota"]
        or node["weight"] not in (None, OCIHOOK_WEIGHT_DEFAULT)
        or any(node[name] != below[name] for name in numbers if node["busy"])
    )


def name_of(node: _Node) -> str:
    """Return the name of a node's cgroup in its parent; ``/`` for the root."""
    name: str = node["cgroup"].split("/", MAX_LEVELS)[-1]
    return name or "/"


def rows_of(seen: Usage, paths: Mapping[int, str]) -> list[dict[str, Any]]:
    """Return rows for ``cell_tree`` from the readings alone: without container, CPUs and tasks."""
    slots = {each.slot: each for each in seen.nodes}
    members: dict[int, list[dict[str, Any]]] = {}
    for each in seen.nodes:
        if each.shared:
            member = {"container": "", "cgid": each.cgid, "cgroup": paths.get(each.cgid)}
            members.setdefault(each.shared, []).append(member)
    return [
        {
            "cell": row.cell,
            "name": row.name,
            "state": row.state,
            "weight": row.weight,
            "cgroup": "/" if row.cell == HOST_CELL else paths.get(slots[row.cell].cgid),
            "members": members.get(row.cell, []),
        }
        for row in seen.cells
    ]


def flat(root: _Node, order: Callable[[_Node], Any]) -> Iterator[tuple[int, list[_Node], _Node]]:
    """Yield each node of a tree with its depth, collapsed, siblings in an order."""

    def walk(node: _Node, depth: int) -> Iterator[tuple[int, list[_Node], _Node]]:
        passed, found = collapse(node) if depth else ([], node)
        yield depth, passed, found
        for below in sorted(found["below"], key=order):
            yield from walk(below, depth + 1)

    return walk(root, 0)


def _quota(each: NodeUsage) -> dict[str, int] | None:
    if not each.quota_us or not each.period_us:  # read while it changed
        return None
    return {name: getattr(each, name) for name in ("quota_us", "period_us", "burst_us")}


def _node(cgroup: str) -> _Node:
    return {
        "cgroup": cgroup,
        "weight": None,
        "cpu_idle": False,
        "quota": None,
        "busy": False,
        "runnable": 0,
        "promised_cpus": 0.0,
        "got_cpus": 0.0,
        "cells": [],
        "below": [],
    }
