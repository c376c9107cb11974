# SPDX-License-Identifier: Apache-2.0
"""What was counted for cells between two readings of the tables. Pure."""

from operator import sub
from typing import NamedTuple

from ocihook.abi import CellRunNs, CellStats, CellWaits
from ocihook.sched.columns import place

Counts = tuple[int, ...]
"""What all CPUs together counted for a cell: run_ns, borrowed_ns, lent_ns."""

NO_COUNTS: Counts = (0, 0, 0)
NO_WAITS = (0,) * CellWaits.COUNTS[0]

_WORD_BYTES = 8
_BORROWED, _LENT = (place(CellStats, name)[0] // _WORD_BYTES for name in ("borrowed_ns", "lent_ns"))
_EACH = CellStats.LAYOUT.size // _WORD_BYTES

_COMPARED_SLOTS = 8
"""How many slots are compared at once; most of them are idle."""


class CpuUsage(NamedTuple):
    """Who had a CPU that is online: cells by their numbers, each with its part of the time."""

    cpu: int
    parts: list[tuple[int, float]]

    @property
    def busy(self) -> float:
        """Return how much of the time the scheduler ran anything there, 0 to 1."""
        return min(sum(part for _, part in self.parts), 1.0)


class Counters(NamedTuple):
    """The tables of counters: of each slot a record for each CPU, and one for each cache."""

    runs: bytes | bytearray
    stats: bytes | bytearray


class CpuCounts:
    """Sums what was counted for cells, and remembers who had each CPU."""

    def __init__(self, now: Counters, possible: int, online: int) -> None:
        """Count what ``now`` has for each CPU of the mask ``possible``; show ``online`` ones."""
        self._now = now
        self._cpus = [cpu for cpu in range(possible.bit_length()) if possible >> cpu & 1]
        self._online = online
        self._runs_size = CellRunNs.LAYOUT.size * len(self._cpus)
        slots = len(now.runs) // self._runs_size
        self._stats_size = len(now.stats) // slots if slots else CellStats.LAYOUT.size
        self._ran: list[list[tuple[int, int]]] = [[] for _ in self._cpus]

    def changed_since(self, before: Counters) -> set[int]:
        """Return the slots for which anything was counted."""
        return changed_slots(self._now.runs, before.runs, self._runs_size) | changed_slots(
            self._now.stats, before.stats, self._stats_size
        )

    def count(self, slot: int, before: Counters | None) -> Counts:
        """Return what was counted for a cell since ``before``, None for all of it."""
        runs = _gains(self._now.runs, before.runs if before else None, slot, self._runs_size)
        for ran, run_ns in zip(self._ran, runs, strict=True):
            if run_ns:
                ran.append((slot, run_ns))
        stats = _gains(self._now.stats, before.stats if before else None, slot, self._stats_size)
        return sum(runs), sum(stats[_BORROWED::_EACH]), sum(stats[_LENT::_EACH])

    def run_ns(self, slot: int, before: Counters | None) -> int:
        """Return the CPU time of a slot since ``before``, without noting which CPUs it had."""
        return sum(_gains(self._now.runs, before.runs if before else None, slot, self._runs_size))

    def usage(self, interval_ns: int) -> list[CpuUsage]:
        """Return who had each CPU, of the cells that were counted."""
        return [
            CpuUsage(cpu, [(slot, min(run_ns / interval_ns, 1.0)) for slot, run_ns in ran])
            for cpu, ran in zip(self._cpus, self._ran, strict=True)
            if self._online >> cpu & 1
        ]


def _gains(
    now: bytes | bytearray, before: bytes | bytearray | None, slot: int, size: int
) -> list[int]:
    """Return by how much each counter of a slot is higher; one that was reset goes back."""
    part = slice(slot * size, (slot + 1) * size)
    news: list[int] = memoryview(now[part]).cast("Q").tolist()
    if before is None:
        return news
    olds = memoryview(before[part]).cast("Q").tolist()
    return [max(new - old, 0) for new, old in zip(news, olds, strict=True)]


def changed_slots(now: bytes | bytearray, before: bytes | bytearray, size: int) -> set[int]:
    """Return which elements of ``size`` bytes differ, or are new; many are compared at once."""
    found = set()
    for many in range(0, len(now), size * _COMPARED_SLOTS):
        until = min(many + size * _COMPARED_SLOTS, len(now))
        if now[many:until] != before[many:until]:
            found |= {
                at // size
                for at in range(many, until, size)
                if now[at : at + size] != before[at : at + size]
            }
    return found


def waits_since(
    before: bytes | bytearray | None, after: bytes | bytearray, slot: int
) -> tuple[int, ...]:
    """Return the histogram of a cell's waits since ``before``, None for all of them."""
    at, size = slot * CellWaits.LAYOUT.size, CellWaits.LAYOUT.size
    now = after[at : at + size]
    then = bytes(size) if before is None else before[at : at + size]
    if now == then:
        return NO_WAITS
    waits = tuple(map(sub, CellWaits.LAYOUT.unpack(now), CellWaits.LAYOUT.unpack(then)))
    return waits if min(waits) >= 0 else tuple(max(count, 0) for count in waits)
