# SPDX-License-Identifier: Apache-2.0
"""What a picture of limited width shows of a lane: columns, each with the shares of who ran in it.

A column that several share is divided among them by height, so that area is CPU time at every
scale: what runs a tenth of the time in slices too short to be seen is a band of a tenth.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ocihook.timeline.recording import Segment, Who


class Box(NamedTuple):
    """A filled rectangle: columns from ``x`` on, and units of height counted from the top."""

    x: int
    width: int
    y: int
    height: int
    entry: int


def boxes(
    lane: Sequence[Segment],
    began_ns: int,
    ended_ns: int,
    entry_of: Mapping[Who, int],
    width: int,
    height: int,
) -> list[Box]:
    """Return the boxes of a lane in `width` columns of `height` units; neighbours are merged.

    Who is not in `entry_of` leaves its room empty, at the top of the column.
    """
    span_ns = max(ended_ns - began_ns, 1)
    stacks: list[tuple[tuple[int, int, int], ...]] = [
        _stack(shares, span_ns, height)
        for shares in _shares(lane, began_ns, span_ns, entry_of, width)
    ]
    found = []
    x = 0
    while x < width:
        end = x + 1
        while end < width and stacks[end] == stacks[x]:
            end += 1
        found += [Box(x, end - x, y, tall, entry) for y, tall, entry in stacks[x]]
        x = end
    return found


def _shares(
    lane: Sequence[Segment],
    began_ns: int,
    span_ns: int,
    entry_of: Mapping[Who, int],
    width: int,
) -> list[dict[int, int]]:
    """Return for each column the time of each entry, in ns times `width`: a full one is span_ns."""
    columns: list[dict[int, int]] = [{} for _ in range(width)]
    for start_ns, end_ns, who in lane:
        entry = entry_of.get(who)
        if entry is None:
            continue
        start, end = (start_ns - began_ns) * width, (end_ns - began_ns) * width
        for x in range(start // span_ns, min(-(-end // span_ns), width)):
            part = min(end, (x + 1) * span_ns) - max(start, x * span_ns)
            columns[x][entry] = columns[x].get(entry, 0) + part
    return columns


def _stack(shares: Mapping[int, int], full: int, height: int) -> tuple[tuple[int, int, int], ...]:
    """Return (top, height, entry) of what fills a column, the first entry at the bottom.

    The edges are rounded, not the heights: so they sum up to what the whole rounds to.
    """
    stack = []
    below, edge = 0, 0
    for entry in sorted(shares):
        below += shares[entry]
        top = (2 * below * height + full) // (2 * full)
        if top > edge:
            stack.append((height - top, top - edge, entry))
            edge = top
    return tuple(stack)
