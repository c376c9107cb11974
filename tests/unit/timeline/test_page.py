# SPDX-License-Identifier: Apache-2.0
"""The HTML file: it needs nothing but itself, and names cannot break out of its data.

What its script draws, tests/runtime/test_browser.py sees.
"""

import json
import re
from html.parser import HTMLParser
from typing import Any

import fixed_recording
import pytest

from ocihook.timeline import page
from ocihook.timeline.recording import Recording, Segment


class Elements(HTMLParser):
    """Collects start tags, and the texts of scripts and titles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self.tags[-1][0] if self.tags else "", []).append(data)


def embedded(text: str) -> dict[str, Any]:
    """The data of a page, as its script reads it."""
    found: dict[str, Any] = json.loads(Elements(text).texts["script"][0])
    return found


def named(name: str) -> str:
    return page.render(Recording(name, "m", 0, 9, {0: [Segment(0, 9, (1, 1))]}, {(1, 1): name}))


def test_a_page_loads_nothing() -> None:
    text = page.render(fixed_recording.recording())
    for _, attributes in Elements(text).tags:
        assert not {"src", "href", "srcset", "data", "action"} & set(attributes)
    policy = next(a["content"] for t, a in Elements(text).tags if "http-equiv" in a)
    assert policy == "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'"
    assert not re.search(r"https?:|//[a-z]+\.|fetch\(|import\(|@(TITLE|ABOUT|DATA)@", text)


def test_the_data_are_the_recording() -> None:
    recording = fixed_recording.recording()
    data = embedded(page.render(recording))
    assert data["cpus"] == [0, 1, 2, 3]
    for cpu, flat in zip(data["cpus"], data["lanes"], strict=True):
        assert sum(flat[::2]) == data["span_ns"] == fixed_recording.SPAN_NS
        names = [data["labels"][i][0] if i >= 0 else "idle" for i in flat[1::2]]
        assert names == [recording.label(segment.who) for segment in recording.lanes[cpu]]
    totals: dict[str, int] = {}
    for flat in data["lanes"]:
        for length_ns, who in zip(flat[::2], flat[1::2], strict=True):
            entry = data["entries"][data["labels"][who][1]][0] if who >= 0 else "idle"
            totals[entry] = totals.get(entry, 0) + length_ns
    assert totals == {name: time_ns for name, _, _, time_ns in data["entries"]}


@pytest.mark.parametrize(
    "evil", ["</script><script>alert(1)</script>", "<!--<script>", "@DATA@", "\\g<0>\n\u2028\x00"]
)
def test_names_stay_in_their_place(evil: str) -> None:
    text = named(evil)
    data = embedded(text)
    assert data["labels"] == [[evil, 0]]
    scripts = [attributes for tag, attributes in Elements(text).tags if tag == "script"]
    assert scripts == [{"type": "application/json", "id": "data"}, {}]
