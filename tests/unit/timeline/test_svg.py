# SPDX-License-Identifier: Apache-2.0
"""What a timeline looks like: colours, legend, columns, and the SVG as a whole."""

import itertools
from collections.abc import Callable
from xml.etree import ElementTree

import fixed_recording
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocihook.timeline import palette, svg
from ocihook.timeline.columns import boxes
from ocihook.timeline.legend import legend
from ocihook.timeline.recording import IDLE, Recording, Segment

SVG = "{http://www.w3.org/2000/svg}"

# Severity 1.0 of Machado, Oliveira and Fernandes 2009, for linear RGB.
EYES = {
    "all cones": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}  # fmt: skip


def lab(colour: str, eye: str) -> tuple[float, float, float]:
    """CIELAB (D65) of an sRGB colour as an eye sees it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
    seen = [
        min(max(sum(a * b for a, b in zip(row, linear, strict=True)), 0), 1) for row in EYES[eye]
    ]
    to_xyz = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
    xyz = [sum(a * b for a, b in zip(row, seen, strict=True)) for row in to_xyz]
    x, y, z = (
        t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116
        for t in (xyz[0] / 0.9505, xyz[1], xyz[2] / 1.089)
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@pytest.mark.parametrize("eye", EYES)
def test_every_eye_tells_the_colours_apart(eye: str) -> None:
    colours = ("#ffffff", palette.HOST, palette.OTHERS, *palette.COLOURS)
    for one, other in itertools.combinations(colours, 2):
        pairs = zip(lab(one, eye), lab(other, eye), strict=True)
        assert sum((a - b) ** 2 for a, b in pairs) ** 0.5 >= 14, (one, other)


def test_a_name_keeps_its_colour_whoever_else_runs() -> None:
    """Those whose colour is taken get one that nobody asks for, and push nobody else away."""
    asked = {name: palette.assign([name])[name] for name in map(str, range(12))}
    together = palette.assign(asked)
    kept = [name for name, colour in together.items() if colour == asked[name]]
    assert len(kept) == len(set(asked.values()))
    assert 1 < len(kept) < 12
    assert palette.assign(reversed(asked)) == together


@given(st.sets(st.text(), max_size=12))
def test_no_two_names_share_a_colour(names: set[str]) -> None:
    assert len(set(palette.assign(names).values())) == len(names)


def test_more_names_than_colours_are_refused() -> None:
    with pytest.raises(ValueError, match="13 names, and 12 colours"):
        palette.assign(map(str, range(13)))


def many(cells: int, segments: int, cpus: int, name: str = "cell-") -> Recording:
    """CPUs that run cells in turn, 100 us each."""
    lanes = {
        cpu: [Segment(at * 100_000, (at + 1) * 100_000, (1 + (at + cpu) % cells, 1))
              for at in range(segments)]
        for cpu in range(cpus)
    }  # fmt: skip
    names = {(1 + cell, 1): f"{name}{cell}" for cell in range(cells)}
    return Recording("many", "m", 0, segments * 100_000, lanes, names)


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


def test_what_ran_is_never_nothing() -> None:
    lane = [Segment(0, 996, (1, 1)), Segment(996, 1000, (2, 1))]
    drawn = svg.render(Recording("t", "m", 0, 1000, {0: lane}, {(1, 1): "a", (2, 1): "b"}))
    texts = ["".join(text.itertext()) for text in ElementTree.fromstring(drawn).iter(f"{SVG}text")]
    assert texts[-2:] == ["a100%", "b<1%"]


def test_slices_too_short_to_be_seen_are_bands() -> None:
    lane = [Segment(at, at + 1, (1 + (at % 4 == 3), 1)) for at in range(4000)]
    drawn = boxes(lane, 0, 4000, {(1, 1): 0, (2, 1): 1}, 100, 24)
    assert drawn == [(0, 100, 6, 18, 0), (0, 100, 0, 6, 1)]


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
