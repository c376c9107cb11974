# SPDX-License-Identifier: Apache-2.0
from busy_recording import many

from ocihook.timeline.legend import legend
from ocihook.timeline.recording import HOST, IDLE, Recording, Segment


def test_the_thirteenth_cell_and_those_after_it_are_others() -> None:
    entries = legend(many(40, 400, 2)).entries
    assert [entry.label for entry in entries[12:]] == ["28 others"]
    assert entries[12].time_ns == 28 * 2 * 10 * 100_000


def test_containers_of_one_name_are_one_line() -> None:
    """A container that was restarted is another cell by the same name."""
    lanes = {0: [Segment(0, 5, (1, 1)), Segment(5, 9, (1, 2)), Segment(9, 12, IDLE)]}
    found = legend(Recording("t", "m", 0, 12, lanes, {(1, 1): "web", (1, 2): "web"}))
    assert [(entry.label, entry.time_ns) for entry in found.entries] == [
        ("web", 9), ("idle", 3),
    ]  # fmt: skip


def test_a_cell_that_is_called_as_the_host_has_a_line_of_its_own() -> None:
    """`runc run host` names it so, by the container's id."""
    lanes = {0: [Segment(0, 5, (1, 1)), Segment(5, 9, HOST), Segment(9, 12, IDLE)]}
    found = legend(Recording("t", "m", 0, 12, lanes, {(1, 1): "host"}))
    assert [(entry.label, entry.time_ns) for entry in found.entries] == [
        ("cell 1 (host)", 5), ("host", 4), ("idle", 3),
    ]  # fmt: skip
