# SPDX-License-Identifier: Apache-2.0
"""Which part of each column is whose."""

from hypothesis import given
from hypothesis import strategies as st

from ocihook.timeline.columns import boxes
from ocihook.timeline.recording import IDLE, Segment

LENGTHS = st.lists(
    st.tuples(st.integers(1, 50), st.sampled_from([(1, 1), (2, 1), IDLE])), min_size=1
)


@given(LENGTHS, st.integers(1, 40))
def test_area_is_time(lengths: list[tuple[int, tuple[int, int]]], width: int) -> None:
    """To half a unit of height in each column and at each edge of colour."""
    at, lane = 0, []
    for length, who in lengths:
        lane.append(Segment(at, at + length, who))
        at += length
    drawn = boxes(lane, 0, at, {(1, 1): 0, (2, 1): 1}, width, 24)
    for entry, who in enumerate([(1, 1), (2, 1)]):
        area = sum(box.width * box.height for box in drawn if box.entry == entry)
        time = sum(length for length, each in lengths if each == who)
        assert abs(area - time / at * width * 24) <= width
    cells = [(x, y) for b in drawn for x in range(b.x, b.x + b.width)
             for y in range(b.y, b.y + b.height)]  # fmt: skip
    assert len(cells) == len(set(cells))
    assert all(0 <= x < width and 0 <= y < 24 for x, y in cells)


def test_slices_too_short_to_be_seen_are_bands() -> None:
    lane = [Segment(at, at + 1, (1 + (at % 4 == 3), 1)) for at in range(4000)]
    drawn = boxes(lane, 0, 4000, {(1, 1): 0, (2, 1): 1}, 100, 24)
    assert drawn == [(0, 100, 6, 18, 0), (0, 100, 0, 6, 1)]
