# SPDX-License-Identifier: Apache-2.0
"""What somebody wants to see of the cells' usage: order, place, pause. Keys change it. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, field
from string import ascii_letters

from ocihook.sched.usage import CellUsage, Usage
from ocihook.sched.waits import percentile_bucket

HOST_CELL = 0
HOST_LETTER = "0"
MANY_LETTER = "#"
"""Of cells that came when all letters were taken."""

_Key = Callable[[CellUsage], float | str]


def _wait(percent: int) -> _Key:
    def bucket(row: CellUsage) -> float:
        found = percentile_bucket(row.waits, percent)
        return -1 if found is None else found

    return bucket


ORDERS: dict[str, _Key] = {
    "CELL": lambda row: -row.cell,
    "NAME": lambda row: row.name,
    "WEIGHT": lambda row: row.weight,
    "PROMISED": lambda row: row.promised,
    "GOT": lambda row: row.got,
    "P50": _wait(50),
    "P99": _wait(99),
    "THROTTLED": lambda row: row.throttled_ns,
    "BORROW": lambda row: row.borrowed,
    "LENT": lambda row: row.lent,
    "RUNNABLE": lambda row: row.runnable,
}
"""The columns, in their order, and what they are sorted by."""

_RISING = frozenset(("NAME",))
"""Those that begin with the least; -row.cell does it for numbers of cells."""


@dataclass
class View:
    """The state of the screen: ``first`` is the row at its top, ``tree``: cgroups, not cells."""

    order: str = "GOT"
    reverse: bool = False
    paused: bool = False
    tree: bool = False
    first: int = 0
    message: str = ""
    letters: dict[int, str] = field(default_factory=dict)

    def press(self, key: str, page: int = 10) -> bool:
        """Do what a key means, ``page`` being the rows on the screen; return False to end."""
        columns = list(ORDERS)
        match key:
            case "q":
                return False
            case "left" | "right" | "s":
                step = -1 if key == "left" else 1
                self.order = columns[(columns.index(self.order) + step) % len(columns)]
            case "t":
                self.tree, self.first = not self.tree, 0
            case "r":
                self.reverse = not self.reverse
            case " ":
                self.paused = not self.paused
            case "up" | "down" | "page up" | "page down":
                rows = page if key.startswith("page") else 1
                self.first = max(self.first + (rows if key.endswith("down") else -rows), 0)
            case "home":
                self.first = 0
        return True

    def rows(self, usage: Usage) -> list[CellUsage]:
        """Return the cells in the order wanted; those that are equal by their numbers."""
        return self._in_order(usage.cells)

    def name_letters(self, usage: Usage) -> None:
        """Give each cell that ran a letter, which it keeps until it ends."""
        live = {row.cell for row in usage.cells}
        self.letters = {cell: each for cell, each in self.letters.items() if cell in live}
        for row in self._in_order([row for row in usage.cells if row.got]):
            if row.cell not in self.letters:
                taken = set(self.letters.values())
                free = (each for each in ascii_letters if each not in taken)
                self.letters[row.cell] = (
                    HOST_LETTER if row.cell == HOST_CELL else next(free, MANY_LETTER)
                )

    def _in_order(self, cells: list[CellUsage]) -> list[CellUsage]:
        falling = self.reverse == (self.order in _RISING)
        return sorted(cells, key=ORDERS[self.order], reverse=falling)
