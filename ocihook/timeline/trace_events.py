# SPDX-License-Identifier: Apache-2.0
"""Write a recording in the trace event format of Chrome: for ui.perfetto.dev, chrome://tracing.

The machine is a process, each CPU a thread of it, each segment a complete event ("ph": "X"). Times
are microseconds since the recording began. Idle time is the gap between events.
"""

import json
from collections.abc import Iterator
from typing import Any

from ocihook.timeline.recording import IDLE, OTHER, UNKNOWN, Recording

MACHINE_PID = 1
"""Perfetto takes process 0 and thread 0 for the idle task: both are counted from 1."""

CATEGORIES = {OTHER: "other class", UNKNOWN: "dropped"}


def render(recording: Recording) -> str:
    """Return the whole document, an event a line."""
    lines = ",\n".join(
        json.dumps(event, separators=(",", ":"))
        for event in (*_metadata(recording), *_segments(recording))
    )
    other = {
        "title": recording.title,
        "machine": recording.machine,
        "clock": "CLOCK_MONOTONIC",
        "began_ns": recording.began_ns,
        "dropped": recording.dropped,
        "note": recording.note,
    }
    head = f'{{"displayTimeUnit":"ms","otherData":{json.dumps(other)},\n"traceEvents":[\n'
    return f"{head}{lines}\n]}}\n"


def _metadata(recording: Recording) -> Iterator[dict[str, Any]]:
    machine = {"ph": "M", "pid": MACHINE_PID}
    yield {**machine, "name": "process_name", "args": {"name": recording.machine}}
    for cpu in sorted(recording.lanes):
        thread = {**machine, "tid": cpu + 1}
        yield {**thread, "name": "thread_name", "args": {"name": f"CPU {cpu}"}}
        yield {**thread, "name": "thread_sort_index", "args": {"sort_index": cpu}}


def _segments(recording: Recording) -> Iterator[dict[str, Any]]:
    for cpu in sorted(recording.lanes):
        for start_ns, end_ns, who in recording.lanes[cpu]:
            if who == IDLE:
                continue
            event: dict[str, Any] = {
                "ph": "X",
                "pid": MACHINE_PID,
                "tid": cpu + 1,
                "ts": (start_ns - recording.began_ns) / 1000,
                "dur": (end_ns - start_ns) / 1000,
                "name": recording.label(who),
                "cat": CATEGORIES.get(who, "cell"),
            }
            if who not in CATEGORIES:
                event["args"] = {"cell": who[0], "generation": who[1]}
            yield event
