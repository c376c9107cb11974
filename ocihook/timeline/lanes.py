# SPDX-License-Identifier: Apache-2.0
"""Make lanes of segments from switches, as they come in."""

from collections.abc import Iterable

from ocihook.abi import RUN_CELL, RUN_IDLE
from ocihook.timeline.recording import IDLE, OTHER, UNKNOWN, Segment, Who

SEQ_MASK = 0xFFFFFFFF
"""``seq`` of ``struct switch_event`` counts to 32 bits and begins anew."""

Switch = tuple[int, int, int, int, int, int, int]
"""at_ns, cpu, seq, cell, generation, kind, pid: ``struct switch_event`` of bpf/abi.h."""


class _Lane:
    """One CPU: its closed segments, and what runs since ``since_ns``."""

    __slots__ = ("seen_ns", "segments", "seq", "since_ns", "who")

    def __init__(self, began_ns: int) -> None:
        self.segments: list[Segment] = []
        self.since_ns = self.seen_ns = began_ns
        self.who = UNKNOWN
        self.seq: int | None = None

    def turn(self, at_ns: int, who: Who) -> None:
        """From ``at_ns`` on it is ``who``; a segment of no length is none."""
        if who == self.who:
            return
        if at_ns > self.since_ns:
            self.segments.append(Segment(self.since_ns, at_ns, self.who))
            self.since_ns = at_ns
        elif self.segments and self.segments[-1].who == who:
            self.since_ns = self.segments.pop().start_ns
        self.who = who


class Lanes:
    """Lanes of some CPUs, from ``began_ns`` on.

    The first switch of a CPU counts from the beginning: it is that of what runs there when the
    recording begins. A CPU of which nothing was heard is UNKNOWN.
    """

    def __init__(self, cpus: Iterable[int], began_ns: int) -> None:
        """Begin with CPUs by number, at a time of CLOCK_MONOTONIC."""
        self.dropped = 0
        self._lanes = {cpu: _Lane(began_ns) for cpu in cpus}

    def add(self, switch: Switch) -> Who | None:
        """Take the next switch of its CPU; return who came, or None where it tells nothing new.

        A number that is not past the last one is older than what is known. Where numbers are
        missing, the time from the last switch that is known to this one is UNKNOWN.
        """
        at_ns, cpu, seq, cell, generation, kind, _ = switch
        lane = self._lanes.get(cpu)
        if lane is None:
            return None
        who = (cell, generation) if kind == RUN_CELL else IDLE if kind == RUN_IDLE else OTHER
        if lane.seq is None:
            at_ns = lane.since_ns
        else:
            missing = (seq - lane.seq - 1) & SEQ_MASK
            if missing > SEQ_MASK // 2:
                return None
            at_ns = max(at_ns, lane.seen_ns)
            if missing:
                self.dropped += missing
                lane.turn(lane.seen_ns, UNKNOWN)
        lane.turn(at_ns, who)
        lane.seq, lane.seen_ns = seq, at_ns
        return who

    def count(self) -> int:
        """Return how many segments are closed."""
        return sum(len(lane.segments) for lane in self._lanes.values())

    def close(self, ended_ns: int) -> dict[int, list[Segment]]:
        """Return the segments of each CPU, cut at ``ended_ns``; nothing comes after that."""
        closed = {}
        for cpu, lane in self._lanes.items():
            last = Segment(lane.since_ns, max(ended_ns, lane.since_ns), lane.who)
            closed[cpu] = [
                Segment(start_ns, min(end_ns, ended_ns), who)
                for start_ns, end_ns, who in (*lane.segments, last)
                if start_ns < ended_ns and end_ns > start_ns
            ]
        return closed
