# SPDX-License-Identifier: Apache-2.0
import pytest

from ocihook.abi import OCIHOOK_MAX_CELLS, OCIHOOK_MAX_LLCS
from ocihook.sched.queues import queue_bytes, queues_max


@pytest.mark.parametrize(
    ("possible", "part", "expected"), [(512, True, 16_544), (2, True, 224), (512, False, 160)]
)
def test_queue_bytes(possible: int, part: bool, expected: int) -> None:
    assert queue_bytes(possible, part_for_each_cpu=part) == expected


@pytest.mark.parametrize(("possible", "part"), [(512, False), (1024, False), (4, True)])
def test_every_node_may_have_all_queues_where_they_are_small(possible: int, part: bool) -> None:
    assert queues_max(possible, part_for_each_cpu=part) > OCIHOOK_MAX_CELLS * OCIHOOK_MAX_LLCS


def test_large_ones_leave_room_for_those_of_the_largest_cells() -> None:
    """A thousand nodes with one each, and a dozen with sixteen."""
    found = queues_max(512, part_for_each_cpu=True)
    assert 1000 + 12 * 15 < found < 1300
