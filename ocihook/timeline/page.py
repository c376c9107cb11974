# SPDX-License-Identifier: Apache-2.0
"""Write a recording as one HTML file that works by itself: no network, no other file.

``page.html`` beside this module draws on a canvas what is embedded as JSON: for each CPU the
lengths of all segments in ns and the index of who ran, in turn; -1 is idle.
"""

import json
import re
from importlib.resources import files
from typing import Any

from ocihook.timeline import markup
from ocihook.timeline.legend import legend
from ocihook.timeline.recording import IDLE, Recording, Who


def render(recording: Recording) -> str:
    """Return the page; of 100,000 segments it has some 1 MB."""
    about = markup.summary(
        (recording.ended_ns - recording.began_ns) / 1e9,
        len(recording.lanes),
        recording.machine,
        recording.dropped,
        recording.note,
    )
    parts = {
        "TITLE": markup.text(recording.title),
        "ABOUT": markup.text(about, 160),
        # </script> in a name would end the element.
        "DATA": json.dumps(document(recording), separators=(",", ":")).replace("<", "\\u003c"),
    }
    template = files("ocihook.timeline").joinpath("page.html").read_text(encoding="utf-8")
    return re.sub("@(TITLE|ABOUT|DATA)@", lambda found: parts[found[1]], template)


def document(recording: Recording) -> dict[str, Any]:
    """Return what the page draws.

    ``labels`` are [name, entry] of everybody who ran, ``entries`` the lines of the legend as
    [name, colour, whether hatched, ns], ``lanes`` the segments of each of ``cpus``.
    """
    found = legend(recording)
    index: dict[Who, int] = {IDLE: -1}
    labels: list[tuple[str, int]] = []
    lanes = []
    for cpu in sorted(recording.lanes):
        lane: list[int] = []
        for start_ns, end_ns, who in recording.lanes[cpu]:
            if who not in index:
                label = recording.label(who)
                index[who] = len(labels)
                labels.append((label, found.entry_of[label]))
            lane += (end_ns - start_ns, index[who])
        lanes.append(lane)
    return {
        "span_ns": recording.ended_ns - recording.began_ns,
        "cpus": sorted(recording.lanes),
        "labels": labels,
        "entries": found.entries,
        "lanes": lanes,
    }
