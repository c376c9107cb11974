# SPDX-License-Identifier: Apache-2.0
from readings import MS, Slot, live, reading

from ocihook import cpulist
from ocihook.abi import (
    CELL_FLAG_OWNS,
)
from ocihook.sched.promise import Claim, promises
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
