# SPDX-License-Identifier: Apache-2.0
"""Ten cells on 4 CPUs, and how they go on from second to second: what ``ocihook top`` shows."""

from readings import MS, Slot, live, ran, reading

from ocihook import cpulist
from ocihook.abi import CELL_DRAINING, CELL_FLAG_OWNS, CellStats
from ocihook.sched.usage import Reading, usage

CPUS = 0b1111


def at(number: int) -> Reading:
    """Ten cells on 4 CPUs at the reading of that number, one a second."""
    own = {"flags": CELL_FLAG_OWNS, "own": cpulist.to_words(0b1000)}
    lent = CellStats(), CellStats(lent_ns=600 * MS)
    borrowed = CellStats(), CellStats(borrowed_ns=number * 600 * MS)
    return reading(
        number,
        [
            Slot(live("host", cgid=1, weight=175, nr_runnable=1), ran(0.02 * number, 0.1 * number)),
            Slot(
                live("web", weight=300, nr_runnable=4),
                ran(0.98 * number, 0.3 * number),
                {6: 80 * number, 12: 20 * number},
            ),
            Slot(
                live("db", **own),
                ran(0, 0, 0, 0.3) if number else (),
                {3: 5 * number},
                lent if number else (),
            ),
            Slot(
                live("batch", weight=50, nr_runnable=9),
                ran(0, 0.2 * number, 0.95 * number, 0.6 * number),
                {17: 3 * number},
                borrowed,
            ),
            Slot(
                live(
                    "limited", quota_ns=20 * MS, period_ns=100 * MS, nr_runnable=2,
                    throttled_ns=700 * MS * number, nr_throttled=10 * number,
                ),
                ran(0, 0.2 * number),
                {23: number},
            ),
            Slot(live("a-name-of-63-" + "x" * 50)),
            Slot(live("ends", state=CELL_DRAINING, nr_runnable=1)),
            Slot(live("c000000000007")),
            None,
            Slot(live("red\x1b[31m", weight=10000)),
        ],
        CPUS,
    )  # fmt: skip


SEEN = usage(at(0), at(1))


class Tables:
    """In place of the kernel's: a reading a call."""

    opened = 0

    def __init__(self) -> None:
        Tables.opened = 0

    def read(self) -> Reading:
        Tables.opened += 1
        return at(Tables.opened - 1)

    def __enter__(self) -> "Tables":
        return self

    def __exit__(self, *_error: object) -> None:
        pass
