# SPDX-License-Identifier: Apache-2.0
"""What cells are due in a reading that has the whole tree of cgroups."""

from __future__ import annotations

from typing import Any

import pytest
from readings import MS, Slot, live, reading

from ocihook.abi import CELL_NODE, CELL_NODE_DRAINING
from ocihook.sched.usage import usage

HOST = Slot(live("host", cgid=1))
CPUS = 0b1111


def node(parent: int = 0, **members: Any) -> Slot:
    """A cgroup of the cpu controller that is no cell."""
    return Slot(live("", **{"state": CELL_NODE, "parent": parent, **members}))


def cell(name: str, parent: int = 0, **members: Any) -> Slot:
    return Slot(live(name, parent=parent, **members))


def promised(*slots: Slot | None) -> dict[str, float]:
    """Return what the cells of a machine of 4 CPUs are promised."""
    found = usage(reading(1, list(slots), CPUS), reading(2, list(slots), CPUS)).cells
    return {row.name: round(row.promised, 3) for row in found}


def test_a_pod_and_a_service_of_the_host() -> None:
    """1 system.slice with 2 a service; 3 a pod with 4 and 5, its containers."""
    assert promised(
        HOST,
        node(),
        node(parent=1, nr_runnable=3),
        node(),
        cell("light", parent=3, weight=100, nr_runnable=1),
        cell("heavy", parent=3, weight=300, nr_runnable=1),
    ) == {"host": 2, "light": 0.5, "heavy": 1.5}


def test_a_limit_of_a_pod_is_for_all_that_is_in_it() -> None:
    limit = {"quota_ns": 50 * MS, "period_ns": 100 * MS}
    assert promised(
        HOST,
        node(**limit),
        cell("one", parent=1, nr_runnable=1),
        cell("two", parent=1, nr_runnable=1),
        cell("beside", nr_runnable=1),
    ) == {"host": 1.333, "one": 0.25, "two": 0.25, "beside": 3.5}


def test_nested_cgroups_count_for_the_cell_that_they_lie_in() -> None:
    assert promised(
        HOST,
        cell("engine", nr_nested=3),
        node(parent=1, box=1, weight=100, nr_runnable=1),
        node(parent=1, box=1, weight=300, nr_runnable=2),
        cell("beside", nr_runnable=1),
    ) == {"host": 1.333, "engine": 2, "beside": 2}


def test_idle_cells_take_nothing_from_the_busy() -> None:
    """They are told what they would get if one of them became busy."""
    idle = [cell(f"idle{number}") for number in range(5)]
    found = promised(HOST, cell("busy", nr_runnable=1), *idle)
    assert found["busy"] == 4
    assert {found[f"idle{number}"] for number in range(5)} == {2}


@pytest.mark.parametrize("parent", [2, 77])
def test_a_parent_that_cannot_be(parent: int) -> None:
    """A slot that is its own grandparent, or beyond the table: read while the table changed."""
    found = promised(HOST, cell("one", parent=parent, nr_runnable=1), node(parent=1))
    assert found["one"] >= 0


def test_what_is_no_cell_has_no_row() -> None:
    ending = node(state=CELL_NODE_DRAINING, nr_runnable=1)
    assert set(promised(HOST, node(nr_runnable=1), ending, cell("web"))) == {"host", "web"}
