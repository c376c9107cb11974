# SPDX-License-Identifier: Apache-2.0
"""What the nodes of the tree did, against what the cells that they lie in did."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from readings import MS, Slot, live, ran, reading
from whole_tree import at

from ocihook.abi import CELL_LIVE, CELL_NODE, CELL_NODE_DRAINING
from ocihook.sched.node_usage import NodeUsage
from ocihook.sched.usage import Usage, usage

CPUS = 0b1111
SEEN = usage(at(1), at(2), nodes=True)


def by_slot(seen: Usage) -> dict[int, NodeUsage]:
    return {each.slot: each for each in seen.nodes}


def test_nodes_are_there_if_asked_for() -> None:
    plain = usage(at(1), at(2))
    assert plain.nodes == ()
    assert SEEN._replace(nodes=()) == plain


def test_each_node_has_what_its_own_tasks_ran() -> None:
    """Cell 1 counts what runs in 23 as well, and the host what its services do."""
    got = {slot: pytest.approx(each.got) for slot, each in by_slot(SEEN).items() if each.got}
    assert got == {
        0: 0.0125, 1: 1.0, 2: 0.5, 4: 0.01, 5: 0.4, 7: 0.1, 15: 0.4, 17: 0.0625, 18: 0.025, 23: 0.5,
    }  # fmt: skip
    assert sum(each.got for each in SEEN.nodes) == pytest.approx(sum(row.got for row in SEEN.cells))


def test_limits_weights_and_ends() -> None:
    found = by_slot(SEEN)
    pod = found[13]
    assert (pod.quota_us, pod.period_us, pod.burst_us) == (50_000, 100_000, 0)
    assert (pod.busy, pod.promised, pod.whole) == (False, 0, 0.5)
    assert [slot for slot, each in found.items() if each.draining] == [4, 7, 18]
    assert [slot for slot, each in found.items() if each.shared == 5] == [19, 20]


def test_a_slot_that_was_used_anew_counts_from_its_beginning() -> None:
    host = Slot(live("host", cgid=1))

    def node(generation: int, run_s: float) -> Slot:
        return Slot(live("", state=CELL_NODE, generation=generation), ran(run_s))

    seen = usage(reading(1, [host, node(1, 50)]), reading(2, [host, node(2, 0.25)]), nodes=True)
    assert by_slot(seen)[1].got == 0.25
    seen = usage(reading(1, [host]), reading(2, [host, node(1, 0.25)]), nodes=True)
    assert by_slot(seen)[1].got == 0.25


STATES = st.sampled_from([CELL_LIVE, CELL_NODE, CELL_NODE, CELL_NODE_DRAINING])
MEMBERS = st.fixed_dictionaries(
    {
        "state": STATES,
        "weight": st.sampled_from([1, 50, 100, 300]),
        "nr_runnable": st.sampled_from([0, 0, 1, 4]),
        "quota_ns": st.sampled_from([0, 0, 50 * MS]),
        "parent": st.integers(0, 12),
        "runs": st.booleans(),
    }
)


def slots(drawn: list[dict[str, Any]], second: int) -> list[Slot | None]:
    """Slots whose parents come before them; a cell counts what is in it, as the scheduler does."""
    boxes, ran_s, nested = [0], [0.0], [0]
    for slot, members in enumerate(drawn, 1):
        is_cell = members["state"] == CELL_LIVE
        boxes.append(slot if is_cell else boxes[members["parent"] % slot])
        ran_s.append(0.1 * second * members["runs"])
        nested.append(0)
        if not is_cell:
            ran_s[boxes[slot]] += ran_s[slot]
            nested[boxes[slot]] += members["nr_runnable"]
    found: list[Slot | None] = [Slot(live("host", cgid=1, nr_nested=nested[0]), ran(ran_s[0]))]
    for slot, members in enumerate(drawn, 1):
        made = {
            **{name: members[name] for name in ("state", "weight", "nr_runnable", "quota_ns")},
            "parent": members["parent"] % slot,
            "box": boxes[slot],
            "nr_nested": nested[slot],
            "period_ns": 100 * MS,
        }
        found.append(Slot(live(f"c{slot}", **made), ran(ran_s[slot])))
    return found


def cell_of(made: Slot | None, slot: int) -> int:
    assert made is not None
    return slot if made.cell.state == CELL_LIVE else made.cell.box


def below_are_busy(nodes: dict[int, NodeUsage], slot: int) -> bool:
    return any(
        each.parent == slot and each.slot != slot
        and (each.busy or below_are_busy(nodes, each.slot))
        for each in nodes.values()
    )  # fmt: skip


@given(st.lists(MEMBERS, max_size=12))
def test_promises_of_nodes_are_those_of_the_cells(drawn: list[dict[str, Any]]) -> None:
    before, after = (reading(second, slots(drawn, second), CPUS) for second in (1, 2))
    seen = usage(before, after, nodes=True)
    nodes = by_slot(seen)
    made = slots(drawn, 2)
    for row in seen.cells:
        inside = [each for slot, each in nodes.items() if cell_of(made[slot], slot) == row.cell]
        if any(each.busy for each in inside):
            assert row.promised == pytest.approx(sum(each.promised for each in inside))
            assert row.got == pytest.approx(sum(each.got for each in inside))
        elif row.cell and not below_are_busy(nodes, row.cell):
            assert row.promised == pytest.approx(nodes[row.cell].whole)
