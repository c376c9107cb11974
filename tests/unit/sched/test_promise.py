# SPDX-License-Identifier: Apache-2.0
from readings import MS, Slot, live, reading

from ocihook import cpulist
from ocihook.abi import (
    CELL_FLAG_OWNS,
)
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
