# SPDX-License-Identifier: Apache-2.0
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from readings import MS, Slot, live, reading

from ocihook import cpulist
from ocihook.abi import (
    CELL_FLAG_OWNS,
)
from ocihook.sched.promise import Claim, Due, promises
from ocihook.sched.usage import usage

HOST = Slot(live("host", cgid=1))


def test_what_is_promised() -> None:
    """Of 4 CPUs one is the owner's; the rest is for those that are busy, by their weights."""
    owner = live("owner", flags=CELL_FLAG_OWNS, own=cpulist.to_words(0b1000))
    limited = live("limited", quota_ns=50 * MS, period_ns=100 * MS, nr_runnable=1)
    slots = [
        HOST,
        Slot(owner),
        Slot(live("light", weight=100, nr_runnable=1)),
        Slot(live("heavy", weight=400, nr_runnable=1)),
        Slot(limited),
    ]
    found = usage(reading(1, slots, 0b1111), reading(2, slots, 0b1111)).cells
    assert {row.name: round(row.promised, 3) for row in found} == {
        "host": 0.429,  # idle: 3 CPUs, by 100 of 700
        "owner": 1,
        "light": 0.5,  # what the quota leaves, 2.5 CPUs, 1 to 4
        "heavy": 2,
        "limited": 0.5,
    }


def shares(claims: dict[str, Claim], cpus: int = 4) -> dict[str, float]:
    """Return what the nodes' own tasks are due."""
    return {name: round(due.own, 3) for name, due in promises(claims, cpus).items()}


BUSY = 100
ROOT = {"": Claim(None)}


def test_weights_at_each_level() -> None:
    pods = {"p": Claim("", 100), "q": Claim("", 300)}
    below = {"p/a": Claim("p", 50, BUSY), "p/b": Claim("p", 150, BUSY), "q/a": Claim("q", 1, BUSY)}
    found = shares(ROOT | pods | below)
    assert found == {"": 0, "p": 0, "q": 0, "p/a": 0.25, "p/b": 0.75, "q/a": 3}


def test_what_a_limit_leaves_goes_to_the_siblings_first() -> None:
    """And what all of them leave to those of the parent."""
    claims = ROOT | {
        "p": Claim("", 100),
        "p/limited": Claim("p", 900, BUSY, 0.5),
        "p/free": Claim("p", 100, BUSY),
        "q": Claim("", 100, BUSY),
    }
    assert shares(claims) == {"": 0, "p": 0, "p/limited": 0.5, "p/free": 1.5, "q": 2}
    claims["p/free"] = Claim("p", 100, BUSY, 0.25)
    assert shares(claims) == {"": 0, "p": 0, "p/limited": 0.5, "p/free": 0.25, "q": 3.25}


def test_own_tasks_beside_children() -> None:
    """Each of them is a sibling of weight 100."""
    claims = ROOT | {"p": Claim("", 100, 3 * BUSY), "p/a": Claim("p", 100, BUSY)}
    assert shares(claims) == {"": 0, "p": 3, "p/a": 1}


def test_own_cpus_are_nobody_elses_due() -> None:
    claims = ROOT | {
        "owner": Claim("", 1, BUSY, own_cpus=3),
        "owner/a": Claim("owner", 100, BUSY),
        "other": Claim("", 100, BUSY),
    }
    assert shares(claims) == {"": 0, "owner": 1.5, "owner/a": 1.5, "other": 1}


def test_an_idle_node_is_told_what_it_would_get() -> None:
    claims = ROOT | {
        "p": Claim("", 100),
        "p/busy": Claim("p", 100, BUSY),
        "p/idle": Claim("p", 300),
        "limited": Claim("", 100, 0, 0.1),
        "q": Claim("", 100),
        "q/idle": Claim("q", 1),
    }
    found = shares(claims)
    assert found["p/busy"] == 4
    assert (found["p/idle"], found["limited"], found["q/idle"]) == (3, 0.1, 2)


def test_limits_that_leave_the_machine_idle() -> None:
    """All that is busy gets its limit, however much more there is."""
    claims = ROOT | {
        "p": Claim("", 100, 0, 1.5),
        "p/a": Claim("p", 300, BUSY),
        "p/b": Claim("p", 100, BUSY, 0.25),
        "q": Claim("", 1, BUSY, 0.5),
    }
    assert shares(claims) == {"": 0, "p": 0, "p/a": 1.25, "p/b": 0.25, "q": 0.5}


def test_a_node_is_due_what_is_below_it_as_well() -> None:
    claims = ROOT | {
        "p": Claim("", 100, BUSY),
        "p/a": Claim("p", 300, BUSY),
        "q": Claim("", 100, BUSY),
    }
    assert promises(claims, 4) == {
        "": Due(0, 4),
        "p": Due(0.5, 2),
        "p/a": Due(1.5, 1.5),
        "q": Due(2, 2),
    }


def test_a_limit_holds_for_own_tasks_and_children_together() -> None:
    claims = ROOT | {
        "p": Claim("", 100, 3 * BUSY, 1),
        "p/a": Claim("p", 100, BUSY),
        "q": Claim("", 100, BUSY),
    }
    assert shares(claims) == {"": 0, "p": 0.75, "p/a": 0.25, "q": 3}


def test_a_limit_below_a_limit() -> None:
    """The inner one bounds its own node; what it leaves is still within the outer one."""
    claims = ROOT | {
        "p": Claim("", 100, 0, 1),
        "p/a": Claim("p", 900, BUSY, 0.25),
        "p/b": Claim("p", 100, BUSY),
        "q": Claim("", 100, BUSY),
    }
    assert shares(claims) == {"": 0, "p": 0, "p/a": 0.25, "p/b": 0.75, "q": 3}


def test_a_limit_that_is_more_than_its_share_changes_nothing() -> None:
    claims = ROOT | {"p": Claim("", 100, BUSY, 3), "q": Claim("", 100, BUSY)}
    assert shares(claims) == {"": 0, "p": 2, "q": 2}


def test_idle_nodes_below_a_limit() -> None:
    """Neither an idle node nor an idle one's children get more than the limits above."""
    claims = ROOT | {
        "p": Claim("", 100, 0, 1),
        "p/a": Claim("p", 100),
        "p/b": Claim("p", 100, 0, 0.25),
        "q": Claim("", 100, BUSY),
    }
    found = shares(claims)
    assert (found["p"], found["p/a"], found["p/b"], found["q"]) == (1, 1, 0.25, 4)


def test_an_owner_that_is_idle_keeps_its_cpus() -> None:
    claims = ROOT | {"owner": Claim("", 1, own_cpus=3), "other": Claim("", 100, BUSY)}
    assert shares(claims) == {"": 0, "owner": 3, "other": 1}


def test_an_owner_below_a_parent_takes_nothing_of_what_that_one_shares() -> None:
    claims = ROOT | {
        "p": Claim("", 100),
        "p/owner": Claim("p", 10000, BUSY, own_cpus=2),
        "p/a": Claim("p", 100, BUSY),
        "q": Claim("", 100, BUSY),
    }
    assert shares(claims) == {"": 0, "p": 0, "p/owner": 2, "p/a": 1, "q": 1}


def test_a_parent_of_owners_alone_takes_nothing_of_the_others() -> None:
    claims = ROOT | {
        "p": Claim("", 100),
        "p/owner": Claim("p", 100, BUSY, own_cpus=2),
        "q": Claim("", 100, BUSY),
    }
    found = shares(claims)
    assert (found["p/owner"], found["q"]) == (2, 2)


def test_a_limit_of_an_owner() -> None:
    """What it leaves of its own CPUs is lent, which is nobody's due."""
    claims = ROOT | {
        "owner": Claim("", 100, BUSY, 0.5, own_cpus=2),
        "other": Claim("", 100, BUSY),
    }
    assert shares(claims) == {"": 0, "owner": 0.5, "other": 2}


def test_more_own_cpus_than_are_online() -> None:
    claims = ROOT | {"owner": Claim("", 100, BUSY, own_cpus=3), "other": Claim("", 100, BUSY)}
    assert shares(claims, 2)["other"] == 0


def test_a_parent_without_a_claim_counts_as_the_root() -> None:
    claims = {"a": Claim("gone", 100, BUSY), "b": Claim(None, 300, BUSY)}
    assert shares(claims) == {"a": 1, "b": 3}


@pytest.mark.parametrize("circle", [{"a": "a"}, {"a": "b", "b": "a"}])
def test_parents_in_a_circle(circle: dict[str, str]) -> None:
    """Nothing is their due; the others have theirs."""
    claims = ROOT | {"p": Claim("", 100, BUSY)}
    claims |= {node: Claim(parent, 100, BUSY) for node, parent in circle.items()}
    found = promises(claims, 4)
    assert {found[node] for node in circle} == {Due(0, 0)}
    assert found["p"] == Due(4, 4)


def test_nobody_is_there() -> None:
    assert promises({}, 4) == {}


@st.composite
def trees(draw: st.DrawFn) -> dict[int, Claim]:
    """A root, 0, without a limit, and nodes below any that came before them."""
    claims = {0: Claim(None, 100, draw(st.sampled_from([0, BUSY])))}
    for node in range(1, draw(st.integers(1, 12))):
        claims[node] = Claim(
            draw(st.integers(0, node - 1)),
            draw(st.integers(1, 10000)),
            draw(st.sampled_from([0, BUSY, 3 * BUSY])),
            draw(st.sampled_from([None, 0.05, 0.5, 1.0, 3.0])),
        )
    return claims


def could_use(claims: dict[int, Claim], node: int) -> float:
    """Return how many CPUs all that is busy at and below a node can use by its limits."""
    claim = claims[node]
    below = [could_use(claims, each) for each, one in claims.items() if one.parent == node]
    most = math.inf if claim.own_weight else sum(below)
    return most if claim.limit_cpus is None else min(most, claim.limit_cpus)


@given(trees(), st.integers(1, 64))
def test_all_that_can_be_used_is_given_out_once(claims: dict[int, Claim], cpus: int) -> None:
    found = promises(claims, cpus)
    given_cpus = sum(found[node].own for node, claim in claims.items() if claim.own_weight)
    assert math.isclose(given_cpus, min(cpus, could_use(claims, 0)), abs_tol=1e-9)


@given(trees(), st.integers(1, 64))
def test_no_limit_is_passed_and_no_parent_outgrown(claims: dict[int, Claim], cpus: int) -> None:
    found = promises(claims, cpus)
    for node, claim in claims.items():
        assert 0 <= found[node].own <= found[node].whole + 1e-9
        if claim.limit_cpus is not None:
            assert found[node].whole <= claim.limit_cpus
        if isinstance(claim.parent, int):
            assert found[node].whole <= found[claim.parent].whole + 1e-9


@given(trees(), st.integers(1, 64))
def test_busy_siblings_are_due_by_weight(claims: dict[int, Claim], cpus: int) -> None:
    """One that gets less than its limits let it use has no less of its weight than any other."""
    found = promises(claims, cpus)
    for node, claim in claims.items():
        if found[node].whole >= could_use(claims, node) - 1e-9:
            continue
        for other, one in claims.items():
            if one.parent == claim.parent and could_use(claims, other):
                level = found[other].whole / one.weight
                assert found[node].whole / claim.weight >= level - 1e-9
