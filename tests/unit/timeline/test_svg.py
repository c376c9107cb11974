# SPDX-License-Identifier: Apache-2.0
"""What a timeline looks like as a whole."""

from collections.abc import Callable
from xml.etree import ElementTree

import fixed_recording
import pytest
from busy_recording import many

from ocihook.timeline import svg
from ocihook.timeline.recording import Recording, Segment

SVG = "{http://www.w3.org/2000/svg}"


def test_what_ran_is_never_nothing() -> None:
    lane = [Segment(0, 996, (1, 1)), Segment(996, 1000, (2, 1))]
    drawn = svg.render(Recording("t", "m", 0, 1000, {0: lane}, {(1, 1): "a", (2, 1): "b"}))
    texts = ["".join(text.itertext()) for text in ElementTree.fromstring(drawn).iter(f"{SVG}text")]
    assert texts[-2:] == ["a100%", "b<1%"]


def test_the_drawing_is_what_it_was(snapshot: Callable[[str, str], None]) -> None:
    snapshot("timeline-svg", svg.render(fixed_recording.recording()))


def test_lanes_legend_and_axis_are_there() -> None:
    root = ElementTree.fromstring(svg.render(fixed_recording.recording()))
    texts = ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]
    assert texts[:2] == [
        "Which cell ran on which CPU", "0.4 s on 4 CPUs of example, 9 switches dropped",
    ]  # fmt: skip
    assert texts[2:11] == ["0 ms", "50", "100", "150", "200", "250", "300", "350", "400"]
    assert texts[11:15] == ["CPU 0", "CPU 1", "CPU 2", "CPU 3"]
    assert [text.rstrip("0123456789%") for text in texts[15:]] == [
        "web", "index", "cache", "batch", "host", "real-time", "not recorded", "idle",
    ]  # fmt: skip


@pytest.mark.parametrize(("cpus", "segments"), [(4, 25_000), (64, 4_000), (256, 400)])
def test_a_busy_recording_is_a_small_file(cpus: int, segments: int) -> None:
    drawing = svg.render(many(40, segments, cpus))
    assert len(drawing.encode()) < 1_000_000
    ElementTree.fromstring(drawing)


def test_names_are_text_and_never_markup() -> None:
    evil = '</text><script>"&\x00\x1b\ud800\uffff'
    root = ElementTree.fromstring(svg.render(many(2, 10, 1, evil)._replace(title=evil)))
    assert root.find(f".//{SVG}script") is None
    assert root.findtext(f"{SVG}title") == '</text><script>"&\ufffd\ufffd\ufffd\ufffd'


def test_an_empty_recording_is_drawn() -> None:
    drawing = svg.render(Recording("nothing", "m", 5, 5, {0: []}, {}))
    ElementTree.fromstring(drawing)


@pytest.mark.parametrize(
    ("span_ns", "step_ms"),
    [(1_000, 0.0001), (400_000_000, 50), (1_000_000_000, 100), (10**10, 1000), (6 * 10**11, 50000)],
)
def test_ticks_are_round(span_ns: int, step_ms: float) -> None:
    assert svg.tick_ms(span_ns) == pytest.approx(step_ms)
