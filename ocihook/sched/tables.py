# SPDX-License-Identifier: Apache-2.0
"""Read the scheduler's tables over and over: opened once, each whole in one system call."""

import time
from contextlib import ExitStack
from typing import Self

from ocihook._bpf.pinned_array import PinnedArray
from ocihook.abi import (
    OCIHOOK_MAX_CELLS,
    Cell,
    CellRunNs,
    CellStats,
    CellWaits,
    SchedulerRecord,
)
from ocihook.errors import SchedulerUnavailable
from ocihook.sched.counts import Counters, changed_slots
from ocihook.sched.pins import explained
from ocihook.sched.usage import Reading
from ocihook.topology import possible_cpus

WORTH_ALL = 8
"""Where more than one slot in so many ran, all are read, in one system call."""

ONLINE = "/sys/devices/system/cpu/online"


class Tables:
    """The pinned tables of the scheduler that runs, open for reading."""

    def __init__(self) -> None:
        """Open them.

        Raises:
            SchedulerUnavailable: nothing is loaded.
            AbiMismatch: what is loaded was made by another build.
            SystemCallError: the pins are not for this user.
        """
        self._possible = possible_cpus()
        self._seen: tuple[bytearray, bytearray] = bytearray(), bytearray()
        with explained(), ExitStack() as opened:
            self._cells = PinnedArray("cells", Cell)
            opened.callback(self._cells.close)
            self._runs = PinnedArray("cell_run_ns", CellRunNs, copies=self._possible.bit_count())
            opened.callback(self._runs.close)
            self._stats = PinnedArray("cell_stats", CellStats, slots=OCIHOOK_MAX_CELLS)
            opened.callback(self._stats.close)
            self._waits = PinnedArray("cell_waits", CellWaits)
            opened.callback(self._waits.close)
            self._scheduler = PinnedArray("scheduler", SchedulerRecord)
            opened.callback(self._scheduler.close)
            self._opened = opened.pop_all()

    def read(self) -> Reading:
        """Return what they hold now; nothing is stopped for it.

        Raises:
            SchedulerUnavailable: the scheduler has ended. Tables that are opened anew are those of
                the next one.
        """
        record = self._scheduler.read(0)[0]
        if record.exited_ns:
            reason = record.exit_reason.decode(errors="replace")
            raise SchedulerUnavailable(
                f"the scheduler has ended: {reason or f'exit kind {record.exit_kind}'}",
                "start it again with: ocihook scheduler start",
            )
        taken_ns = time.monotonic_ns()
        runs = self._runs.read_first(record.nr_slots)
        stats = self._stats.read_first(record.nr_slots)
        return Reading(
            taken_ns=(taken_ns + time.monotonic_ns()) // 2,
            cells=self._cells.read_first(record.nr_slots),
            counters=Counters(runs, stats),
            waits=self._read_waits(stats),
            possible=self._possible,
            online=possible_cpus(ONLINE),
        )

    def _read_waits(self, stats: bytearray) -> bytearray:
        """Return the histograms, read anew for those slots alone that ran since the last time.

        A wait is counted when it ends, and it ends with a run, which is counted after it.
        """
        stats_then, waits_then = self._seen
        of_one, size = CellStats.LAYOUT.size * self._stats.copies, CellWaits.LAYOUT.size
        slots = len(stats) // of_one
        ran = changed_slots(stats, stats_then, of_one)
        if len(ran) * WORTH_ALL > slots:
            waits = self._waits.read_first(slots)
        else:
            waits = waits_then.ljust(slots * size, b"\0")
            for slot in ran:
                waits[slot * size : (slot + 1) * size] = self._waits.read_bytes(slot)
        self._seen = stats, waits
        return waits

    def close(self) -> None:
        """Close them."""
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()
