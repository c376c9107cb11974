# SPDX-License-Identifier: Apache-2.0
"""Record for some seconds which cell ran on which CPU. Memory is bounded, whatever happens."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from ocihook._bpf.pinned_array import PinnedArray
from ocihook._bpf.switches import SwitchStream
from ocihook.abi import Cell
from ocihook.sched.pins import explained
from ocihook.timeline.lanes import Lanes
from ocihook.timeline.recording import FIXED_LABELS, Recording, Who

READ_EVERY_S = 0.02
"""The ring holds 26,000 switches; a CPU makes tens of thousands a second where it is worst."""

QUIET_READ_EVERY_S = 0.1
QUIET_SWITCHES = 1000
"""With fewer in a reading, the next one comes later: the reader runs on what it records."""

SEGMENTS_MAX = 500_000
"""What is kept: some 100 MB. A recording that has more ends there, and says so."""

NS_PER_S = 1_000_000_000


class Names:
    """What cells are called, read from the table when a cell is first seen."""

    def __init__(self) -> None:
        """Open the table.

        Raises:
            SchedulerUnavailable: nothing is loaded.
            AbiMismatch: what is loaded was made by another build.
        """
        self._cells = PinnedArray("cells", Cell)
        self.found: dict[Who, str] = {}
        self._seen = set(FIXED_LABELS)

    def note(self, who: Who | None) -> None:
        """Read the name of a cell, unless that was done, or the slot is another cell's by now."""
        if who is None or who in self._seen:
            return
        self._seen.add(who)
        slot, generation = who
        cell = self._cells.read(slot)[0]
        if cell.generation == generation and cell.name:
            self.found[who] = cell.name.decode(errors="replace")

    def close(self) -> None:
        """Close the table."""
        self._cells.close()


@contextmanager
def interrupted() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM in a list instead of ending: what was recorded is to be written.

    A second one ends the process as usual.
    """
    seen: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def handle(number: int, _frame: FrameType | None) -> None:
        seen.append(number)
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, handle)
    try:
        yield seen
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def record(seconds: float, cpus: list[int], title: str) -> Recording:
    """Return what the CPUs of the list ran for so many seconds, or until SIGINT or SIGTERM.

    Where the scheduler ends meanwhile, or there is too much to keep, the recording ends there,
    and its note says so.

    Raises:
        SchedulerUnavailable: no scheduler of ours is loaded, or somebody else records.
        AbiMismatch: what is loaded was made by another build.
        SystemCallError: no permission.
    """
    with explained(), SwitchStream() as stream, interrupted() as stop:
        names = Names()
        try:
            began_ns = time.monotonic_ns()
            lanes = Lanes(cpus, began_ns)
            for cpu in cpus:
                names.note(lanes.add(stream.now(cpu)))
            until_ns = began_ns + int(seconds * NS_PER_S)
            pause_s = READ_EVERY_S
            while not stop and lanes.count() < SEGMENTS_MAX and not stream.exited_ns():
                left_s = (until_ns - time.monotonic_ns()) / NS_PER_S
                if left_s <= 0:
                    break
                time.sleep(min(pause_s, left_s))
                quiet = _take(stream, lanes, names) < QUIET_SWITCHES
                pause_s = QUIET_READ_EVERY_S if quiet else READ_EVERY_S
            # Not after: closing a link takes 100 ms (synchronize_rcu_tasks), and nothing is seen.
            ended_ns = time.monotonic_ns()
            stream.detach()
            _take(stream, lanes, names)
            ended_ns, note = _end(stream.exited_ns(), ended_ns, lanes.count())
        finally:
            names.close()
    return Recording(
        title,
        os.uname().nodename,
        began_ns,
        max(ended_ns, began_ns),
        lanes.close(ended_ns),
        names.found,
        lanes.dropped,
        note,
    )


def _take(stream: SwitchStream, lanes: Lanes, names: Names) -> int:
    """Add what the ring holds; return how many switches that were."""
    switches = stream.read()
    for switch in switches:
        names.note(lanes.add(switch))
    return len(switches)


def _end(exited_ns: int, ended_ns: int, segments: int) -> tuple[int, str]:
    """Return when the recording ended, and why where that was before its time."""
    if exited_ns:
        return min(exited_ns, ended_ns), "the scheduler ended meanwhile"
    if segments >= SEGMENTS_MAX:
        return ended_ns, f"ended early, at {SEGMENTS_MAX:,} segments"
    return ended_ns, ""
