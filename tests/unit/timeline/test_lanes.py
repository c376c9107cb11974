# SPDX-License-Identifier: Apache-2.0
"""From switches to segments: nothing overlaps, no time is lost, what was dropped is not made up."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ocihook.abi import RUN_CELL, RUN_IDLE, RUN_OTHER
from ocihook.timeline.lanes import SEQ_MASK, Lanes, Switch
from ocihook.timeline.recording import IDLE, OTHER, UNKNOWN, Segment

A, B = (1, 7), (2, 3)


def on(at_ns: int, seq: int, cell: tuple[int, int] = A, kind: int = RUN_CELL) -> Switch:
    return (at_ns, 0, seq, *cell, kind, 4711)


def lane(*switches: Switch, ended_ns: int = 100) -> list[Segment]:
    lanes = Lanes([0], 10)
    for switch in switches:
        lanes.add(switch)
    return lanes.close(ended_ns)[0]


def test_each_switch_ends_what_ran_before_it() -> None:
    assert lane(on(12, 1), on(20, 2, B), on(50, 3, kind=RUN_IDLE), on(60, 4, kind=RUN_OTHER)) == [
        (10, 20, A), (20, 50, B), (50, 60, IDLE), (60, 100, OTHER),
    ]  # fmt: skip


def test_tasks_of_one_cell_in_turn_are_one_segment() -> None:
    assert lane(on(12, 1), on(20, 2), on(50, 3)) == [(10, 100, A)]


def test_a_slot_that_was_used_anew_is_another_cell() -> None:
    assert lane(on(12, 1), on(20, 2, (1, 8))) == [(10, 20, A), (20, 100, (1, 8))]


def test_what_runs_at_the_beginning_has_run_since_then() -> None:
    assert lane(on(30, 1)) == [(10, 100, A)]


def test_a_cpu_without_any_switch_is_not_recorded() -> None:
    assert lane() == [(10, 100, UNKNOWN)]


def test_a_switch_older_than_what_is_known_tells_nothing() -> None:
    """What ``running_on`` answers at the beginning may be newer than the ring's first records."""
    assert lane(on(12, 5), on(11, 4, B), on(12, 5, B)) == [(10, 100, A)]


def test_dropped_switches_are_counted_and_leave_a_gap() -> None:
    lanes = Lanes([0], 10)
    for switch in (on(12, 1), on(20, 2, B), on(60, 5), on(70, 6)):
        lanes.add(switch)
    assert lanes.dropped == 2
    assert lanes.close(100)[0] == [(10, 20, A), (20, 60, UNKNOWN), (60, 100, A)]


def test_the_number_of_switches_may_overflow() -> None:
    lanes = Lanes([0], 10)
    for switch in (on(12, SEQ_MASK), on(20, 0, B), on(60, 2)):
        lanes.add(switch)
    assert lanes.dropped == 1
    assert lanes.close(100)[0] == [(10, 20, A), (20, 60, UNKNOWN), (60, 100, A)]


def test_other_cpus_are_left_out() -> None:
    lanes = Lanes([1], 10)
    assert lanes.add(on(12, 1)) is None
    assert lanes.close(100) == {1: [(10, 100, UNKNOWN)]}


def test_what_comes_after_the_end_is_cut() -> None:
    assert lane(on(12, 1), on(40, 2, B), on(60, 3), ended_ns=50) == [(10, 40, A), (40, 50, B)]


SWITCH = st.tuples(
    st.integers(0, 120),
    st.integers(0, 2),
    st.integers(0, 3),
    st.integers(0, 3),
    st.integers(0, 1),
    st.sampled_from((RUN_IDLE, RUN_CELL, RUN_OTHER)),
    st.just(1),
)


@given(st.lists(SWITCH, max_size=60), st.integers(0, 130))
def test_segments_cover_the_time_without_overlap(switches: list[Switch], ended_ns: int) -> None:
    """Whatever comes, and in whatever order: numbers here are steps, so that some are missing."""
    lanes = Lanes(range(3), 10)
    seqs = [0, 0, 0]
    for at_ns, cpu, step, *rest in switches:
        seqs[cpu] += step
        lanes.add((at_ns, cpu, seqs[cpu], *rest))  # type: ignore[arg-type]
    for segments in lanes.close(ended_ns).values():
        assert sum(end_ns - start_ns for start_ns, end_ns, _ in segments) == max(ended_ns - 10, 0)
        assert all(start_ns < end_ns for start_ns, end_ns, _ in segments)
        for before, after in pairwise(segments):
            assert before.end_ns == after.start_ns
            assert before.who != after.who
