# SPDX-License-Identifier: Apache-2.0
"""A recording: for each CPU, who ran there from when to when."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

Who = tuple[int, int]
"""A cell as (slot, generation), or one of IDLE, OTHER and UNKNOWN."""

HOST: Who = (0, 0)
IDLE: Who = (-1, 0)
OTHER: Who = (-2, 0)
"""A task of another class than sched_ext: real-time, deadline, the kernel's stopper."""

UNKNOWN: Who = (-3, 0)
"""Switches were dropped here, for want of room in the ring buffer."""

FIXED_LABELS = {HOST: "host", OTHER: "real-time", UNKNOWN: "not recorded", IDLE: "idle"}


class Segment(NamedTuple):
    """A time that one CPU spent on one cell without a break. Times are of CLOCK_MONOTONIC."""

    start_ns: int
    end_ns: int
    who: Who


class Recording(NamedTuple):
    """What was recorded.

    ``lanes`` has for each CPU the segments that cover the time from ``began_ns`` to ``ended_ns``
    without gap or overlap; idle time is a segment, too. ``names`` are those of the cells that were
    seen. ``dropped`` counts switches that found no room; ``note`` is what else is to be known.
    """

    title: str
    machine: str
    began_ns: int
    ended_ns: int
    lanes: Mapping[int, Sequence[Segment]]
    names: Mapping[Who, str]
    dropped: int = 0
    note: str = ""

    def label(self, who: Who) -> str:
        """Return what a cell is called; a cell that ended before its name was read, its number.

        One that is called as the host, say, after a container's id, has its number as well.
        """
        name = FIXED_LABELS.get(who) or self.names.get(who)
        if name in FIXED_LABELS.values() and who not in FIXED_LABELS:
            return f"cell {who[0]} ({name})"
        return name or f"cell {who[0]} (ended)"

    def cells(self) -> set[Who]:
        """Return the cells that ran; the host is none."""
        everybody = {segment.who for lane in self.lanes.values() for segment in lane}
        return everybody - set(FIXED_LABELS)

    def times_ns(self) -> dict[str, int]:
        """Return how long each label ran, on all CPUs together; idle time included."""
        times: dict[str, int] = {}
        for lane in self.lanes.values():
            for start_ns, end_ns, who in lane:
                label = self.label(who)
                times[label] = times.get(label, 0) + end_ns - start_ns
        return times

    def segment_count(self) -> int:
        """Return how many segments there are on all CPUs."""
        return sum(map(len, self.lanes.values()))
