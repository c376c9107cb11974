# SPDX-License-Identifier: Apache-2.0
"""Chrome's trace event format (JSON object form), which Perfetto reads as well."""

import json
from typing import Any

import fixed_recording

from ocihook.timeline import trace_events
from ocihook.timeline.recording import IDLE, OTHER, UNKNOWN, Recording, Segment


def events(recording: Recording) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(trace_events.render(recording))["traceEvents"]
    return found


def test_a_small_recording() -> None:
    lane = [Segment(1500, 3000, (1, 7)), Segment(3000, 4000, IDLE), Segment(4000, 6250, OTHER)]
    recording = Recording(
        "t", "box", 1500, 7500, {2: [*lane, Segment(6250, 7500, UNKNOWN)]}, {(1, 7): 'we"b'}, 3
    )
    assert json.loads(trace_events.render(recording)) == {
        "displayTimeUnit": "ms",
        "otherData": {
            "title": "t", "machine": "box", "clock": "CLOCK_MONOTONIC", "began_ns": 1500,
            "dropped": 3, "note": "",
        },
        "traceEvents": [
            {"ph": "M", "pid": 1, "name": "process_name", "args": {"name": "box"}},
            {"ph": "M", "pid": 1, "tid": 3, "name": "thread_name", "args": {"name": "CPU 2"}},
            {"ph": "M", "pid": 1, "tid": 3, "name": "thread_sort_index",
             "args": {"sort_index": 2}},
            {"ph": "X", "pid": 1, "tid": 3, "ts": 0.0, "dur": 1.5, "name": 'we"b', "cat": "cell",
             "args": {"cell": 1, "generation": 7}},
            {"ph": "X", "pid": 1, "tid": 3, "ts": 2.5, "dur": 2.25, "name": "real-time",
             "cat": "other class"},
            {"ph": "X", "pid": 1, "tid": 3, "ts": 4.75, "dur": 1.25, "name": "not recorded",
             "cat": "dropped"},
        ],
    }  # fmt: skip


def test_every_cpu_is_a_thread_with_its_name_and_no_event_overlaps() -> None:
    found = events(fixed_recording.recording())
    names = {e["tid"]: e["args"]["name"] for e in found if e["name"] == "thread_name"}
    assert names == {1: "CPU 0", 2: "CPU 1", 3: "CPU 2", 4: "CPU 3"}
    for tid in names:
        ends = 0.0
        for event in (e for e in found if e["ph"] == "X" and e["tid"] == tid):
            assert event["ts"] >= ends - 1e-6
            assert event["dur"] > 0
            ends = event["ts"] + event["dur"]
        assert 0 < ends <= fixed_recording.SPAN_NS / 1000 + 1e-6


def test_a_cell_that_ended_before_its_name_was_read_has_its_number() -> None:
    recording = Recording("t", "box", 0, 5, {0: [Segment(0, 5, (9, 2))]}, {})
    assert events(recording)[-1]["name"] == "cell 9 (ended)"
