# SPDX-License-Identifier: Apache-2.0
"""What the CPUs counted for cells between two readings of the per-CPU tables. Pure."""

from operator import sub
from typing import NamedTuple

from ocihook.abi import CellStats, CellWaits
from ocihook.sched.columns import place

Counts = tuple[int, ...]
"""What all CPUs together counted for a cell: run_ns, borrowed_ns, lent_ns."""

NO_COUNTS: Counts = (0, 0, 0)
NO_WAITS = (0,) * CellWaits.COUNTS[0]

_COUNTED = ("run_ns", "borrowed_ns", "lent_ns")
_WORD_BYTES = 8
_PLACES = tuple(place(CellStats, name)[0] // _WORD_BYTES for name in _COUNTED)
_RUN = _PLACES[0]
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


class CpuCounts:
    """Sums what CPUs counted for cells, and remembers who had each."""

    def __init__(self, stats: bytes | bytearray, possible: int, online: int) -> None:
        """Count what ``stats`` has for each CPU of the mask ``possible``; show ``online`` ones."""
        self._stats = stats
        self._cpus = [cpu for cpu in range(possible.bit_length()) if possible >> cpu & 1]
        self._online = online
        self._size = CellStats.LAYOUT.size * len(self._cpus)
        self._ran: list[list[tuple[int, int]]] = [[] for _ in self._cpus]

    def changed_since(self, before: bytes | bytearray) -> set[int]:
        """Return the slots for which anything was counted."""
        return changed_slots(self._stats, before, self._size)

    def count(self, slot: int, before: bytes | bytearray | None) -> Counts:
        """Return what the CPUs together counted for a cell since ``before``, None for all of it."""
        size = self._size
        now = self._stats[slot * size : (slot + 1) * size]
        then = bytes(size) if before is None else before[slot * size : (slot + 1) * size]
        news, olds = (memoryview(each).cast("Q").tolist() for each in (now, then))
        totals = []
        for place_ in _PLACES:
            # A counter never goes back; one that was reset since does.
            deltas = [
                max(new - old, 0)
                for new, old in zip(news[place_::_EACH], olds[place_::_EACH], strict=True)
            ]
            totals.append(sum(deltas))
            if place_ == _RUN:
                for ran, run_ns in zip(self._ran, deltas, strict=True):
                    if run_ns:
                        ran.append((slot, run_ns))
        return tuple(totals)

    def run_ns(self, slot: int, before: bytes | bytearray | None) -> int:
        """Return the CPU time of a slot since ``before``, without noting which CPUs it had."""
        size, total = self._size, 0
        for stats, sign in ((self._stats, 1), (before, -1)):
            if stats is not None:
                words = memoryview(stats)[slot * size : (slot + 1) * size].cast("B").cast("Q")
                total += sign * sum(words.tolist()[_RUN::_EACH])
        return max(total, 0)

    def usage(self, interval_ns: int) -> list[CpuUsage]:
        """Return who had each CPU, of the cells that were counted."""
        return [
            CpuUsage(cpu, [(slot, min(run_ns / interval_ns, 1.0)) for slot, run_ns in ran])
            for cpu, ran in zip(self._cpus, self._ran, strict=True)
            if self._online >> cpu & 1
        ]


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
