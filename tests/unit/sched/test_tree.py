# SPDX-License-Identifier: Apache-2.0
"""What cells are due in a reading that has the whole tree of cgroups."""

from __future__ import annotations

from typing import Any

import pytest
from readings import MS, Slot, live, ran, reading

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


def test_a_service_and_a_pod_beside_a_cell() -> None:
    """1 a service, 2 a pod with 3, its container; 4 a cell beside them, of twice the weight."""
    assert promised(
        HOST,
        node(nr_runnable=2),
        node(),
        cell("pod", parent=2, weight=1, nr_runnable=1),
        cell("beside", weight=200, nr_runnable=1),
    ) == {"host": 1, "pod": 1, "beside": 2}


def test_a_pod_that_is_idle_weighs_nothing() -> None:
    found = promised(
        HOST,
        node(nr_runnable=1),
        node(weight=300),
        cell("pod", parent=2),
        cell("beside", nr_runnable=1),
    )
    assert (found["host"], found["beside"]) == (2, 2)


def test_a_cell_between_two_turns() -> None:
    """It ran, and has nothing runnable just now: it is busy all the same."""
    slots: list[Slot | None] = [HOST, cell("web"), cell("beside", nr_runnable=1)]
    before = reading(1, slots, CPUS)
    slots[1] = Slot(live("web"), ran(0.5))
    found = {
        row.name: round(row.promised, 3) for row in usage(before, reading(2, slots, CPUS)).cells
    }
    assert (found["web"], found["beside"]) == (2, 2)


def test_what_ran_in_a_nested_cgroup_is_no_task_of_the_cell_itself() -> None:
    """The cell counts what ran in 2 as well, but has no claim beside it by that."""
    limit = {"quota_ns": 50 * MS, "period_ns": 100 * MS}
    nested = node(parent=1, box=1, nr_runnable=1, **limit)
    slots: list[Slot | None] = [HOST, cell("engine", nr_nested=1), nested]
    slots.append(cell("beside", nr_runnable=1))
    before = reading(1, slots, CPUS)
    slots[1] = Slot(live("engine", nr_nested=1), ran(0.5))
    found = {
        row.name: round(row.promised, 3) for row in usage(before, reading(2, slots, CPUS)).cells
    }
    assert (found["engine"], found["beside"]) == (0.5, 3.5)


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    ("parent", "due"), [(1, 0), (2, 0), (77, 4)], ids=["itself", "its-child", "beyond-the-table"]
)
def test_a_parent_that_cannot_be(parent: int, due: float) -> None:
    """Read while the table changed: in a circle it is nobody's child, else one of the root's."""
    slots = HOST, cell("one", parent=parent, nr_runnable=1), node(parent=1, nr_runnable=0)
    assert promised(*slots)["one"] == due


def test_what_is_no_cell_has_no_row() -> None:
    ending = node(state=CELL_NODE_DRAINING, nr_runnable=1)
    assert set(promised(HOST, node(nr_runnable=1), ending, cell("web"))) == {"host", "web"}


LIMIT = {"quota_ns": 50 * MS, "period_ns": 100 * MS}


def test_idle_pods_with_limits_are_no_part_of_the_hosts_due() -> None:
    limited = [cell(f"limited{pod}", parent=pod, **LIMIT) for pod in (1, 2, 3)]
    found = promised(HOST, node(), node(), node(), *limited, cell("busy", nr_runnable=1))
    assert (found["host"], found["busy"], found["limited1"]) == (2, 4, 0.5)


@pytest.mark.parametrize(("pod", "due"), [({}, 1), ({"weight": 300}, 2), (LIMIT, 0.5)])
def test_an_idle_cell_in_an_idle_pod(pod: dict[str, Any], due: float) -> None:
    """The pod's weight and limit bound what it would get, beside three that are busy."""
    busy = [cell(f"busy{number}", nr_runnable=1) for number in range(3)]
    assert promised(HOST, node(**pod), cell("idle", parent=1), *busy)["idle"] == due


@pytest.mark.parametrize("inner", [{"nr_runnable": 1}, LIMIT, {}])
@pytest.mark.parametrize("outer", [{"weight": 300}, {"parent": 3}])
def test_an_idle_cell_with_a_cell_in_it(outer: dict[str, Any], inner: dict[str, Any]) -> None:
    found = promised(HOST, cell("outer", **outer), cell("inner", parent=1, **inner), node())
    assert found["outer"] > 0
    assert found["inner"] == (0.5 if inner == LIMIT else 4)
