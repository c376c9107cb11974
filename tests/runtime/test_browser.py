# SPDX-License-Identifier: Apache-2.0
"""Timelines as they are seen: SVG and page in Chromium, pixel by pixel where it matters."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from browser import Browser, Pixels

from ocihook.timeline import page, palette, svg
from ocihook.timeline.legend import Legend, legend
from ocihook.timeline.recording import IDLE, Recording

CLONE = Path(__file__).parents[2]
sys.path.insert(0, str(CLONE / "tests" / "unit"))

import fixed_recording  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"
WIDTH, HEIGHT = 1200, 400
WHITE = "#ffffff"
CELLS = {*palette.COLOURS, palette.HOST}

# A browser starts in 0.3 s; what is waited for is the download.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def browser(tmp_path: Path) -> Browser:
    return Browser(tmp_path)


def seen(
    recorded: Recording, found: Legend, left: float, plot: float, from_ns: float, span_ns: float
) -> Iterator[tuple[int, float, set[str]]]:
    """Yield (row, x, colours) of the middle of each segment that is wide enough to be judged.

    Left and right of the middle, so that stripes show both of their colours.
    """
    for row, cpu in enumerate(sorted(recorded.lanes)):
        for start_ns, end_ns, who in recorded.lanes[cpu]:
            start, end = start_ns - recorded.began_ns, end_ns - recorded.began_ns
            begin_px, end_px = ((at - from_ns) / span_ns * plot for at in (start, end))
            if end_px - begin_px < 12 or begin_px < 0 or end_px > plot:
                continue
            colours = {WHITE}
            if who != IDLE:
                entry = found.entries[found.entry_of[recorded.label(who)]]
                colours = {entry.colour, WHITE} if entry.hatched else {entry.colour}
            yield row, left + (begin_px + end_px) / 2, colours


def judge(
    pixels: Pixels, places: Iterator[tuple[int, float, set[str]]], top: float, pitch: float
) -> int:
    """Demand the colours of all places, 8 pixels around each; return how many there were."""
    count = 0
    for row, x, colours in places:
        area = pixels.within(x - 4, top + row * pitch + 8, 8, 8)
        # Beside them shades between two stripes, and lines of the grid where nothing ran.
        assert area >= colours, (row, x, colours, area)
        assert area & CELLS == colours & CELLS, (row, x, colours, area)
        count += 1
    return count


def test_the_svg_shows_lanes_and_legend(browser: Browser) -> None:
    recorded = fixed_recording.recording()
    found = legend(recorded)
    (browser.directory / "t.svg").write_text(svg.render(recorded))
    pixels = browser.look("t.svg", WIDTH, HEIGHT)
    places = seen(recorded, found, svg.LEFT, svg.PLOT, 0, fixed_recording.SPAN_NS)
    assert judge(pixels, places, 64, 30) > 60
    for row in range(4):  # CPU 0 to 3
        assert len(pixels.within(24, 64 + row * 30, 40, 24)) > 2
    look_at_legend(pixels, svg.render(recorded))


def look_at_legend(pixels: Pixels, drawing: str) -> None:
    """Demand of each line of an SVG's legend its square, in its colour, and its text."""
    root = ElementTree.fromstring(drawing)
    squares = [each for each in root.iter(f"{SVG}rect") if each.get("width") == "13"]
    assert len(squares) > 3
    for square in squares:
        x, y, fill = float(square.get("x", "")), float(square.get("y", "")), square.get("fill", "")
        area = pixels.within(x + 2, y + 2, 10, 10)
        assert len(area) > 1 if fill.startswith("url(") else area == {fill}, fill
        assert len(pixels.within(x + 20, y, 20, 14)) > 2


def test_the_example_of_the_documentation_is_whole(browser: Browser) -> None:
    """Each lane is in the legend's colours, and the card keeps its own on a dark page."""
    drawing = (CLONE / "docs" / "timeline.svg").read_text()
    (browser.directory / "t.svg").write_text(drawing)
    (browser.directory / "dark.html").write_text(
        '<body style="margin:0;background:#0d1117"><img src="t.svg">'
    )
    pixels = browser.look("dark.html", WIDTH + 20, HEIGHT)
    assert (pixels.at(0, 0), pixels.at(WIDTH + 10, 100)) == ("#0d1117", "#0d1117")
    assert pixels.at(4, 100) == WHITE
    look_at_legend(pixels, drawing)
    root = ElementTree.fromstring(drawing)
    colours = {each.get("fill") for each in root.iter(f"{SVG}rect") if each.get("width") == "13"}
    assert len(colours) > 4
    lanes = [text for text in root.iter(f"{SVG}text") if (text.text or "").startswith("CPU ")]
    assert len(lanes) == 4
    for row in range(len(lanes)):
        inside = pixels.within(svg.LEFT + 1, 64 + row * 30 + 2, svg.PLOT - 2, 20)
        assert len(inside & colours) > 1, row


PROBE = """<script>{
const box = element => { const { x, y, width, height } = element.getBoundingClientRect(); return [x, y, width, height]; };
const told = document.createElement("pre"); told.id = "told";
told.textContent = JSON.stringify({ canvas: box(canvas), marks: [...document.querySelectorAll("li i")].map(box),
  from, span, gap: LANE + GAP, left: LEFT, tip: tip.textContent });
document.body.append(told);
}</script>"""  # noqa: E501
"""What the page knows of itself, at its end."""


class Page:
    """The page of the fixed recording after a script, and where things are on it."""

    def __init__(self, browser: Browser, script: str = "") -> None:
        self.recorded = fixed_recording.recording()
        text = page.render(self.recorded).replace(
            "</body>", f"<script>{{{script}}}</script></body>"
        )
        (browser.directory / "page.html").write_text(text)
        self.pixels = browser.look("page.html", WIDTH, HEIGHT)
        (browser.directory / "told.html").write_text(text.replace("</body>", f"{PROBE}</body>"))
        document = browser.document("told.html", WIDTH, HEIGHT)
        told = re.search('<pre id="told">(.*?)</pre>', document)
        assert told
        self.told: dict[str, Any] = json.loads(told[1])

    def judge_lanes(self) -> int:
        x, y, width, _ = self.told["canvas"]
        left = self.told["left"]
        places = seen(
            self.recorded, legend(self.recorded), x + left, width - left,
            self.told["from"], self.told["span"],
        )  # fmt: skip
        return judge(self.pixels, places, y, self.told["gap"])

    def mark(self, index: int) -> set[str]:
        """Return the colours of the square before a line of the legend."""
        x, y, width, height = self.told["marks"][index]
        return self.pixels.within(x + 3, y + 3, int(width) - 6, int(height) - 6)


def test_the_page_shows_lanes_and_legend(browser: Browser) -> None:
    shown = Page(browser)
    assert shown.judge_lanes() > 60
    entries = legend(shown.recorded).entries
    for index, entry in enumerate(entries):
        colours = shown.mark(index)
        assert colours >= {entry.colour, WHITE} if entry.hatched else colours == {entry.colour}


WHEEL = """
const { x, y, width } = canvas.getBoundingClientRect(), middle = x + LEFT + (width - LEFT) / 2;
canvas.dispatchEvent(new WheelEvent("wheel", { deltaY: -400, clientX: middle, clientY: y + 5, cancelable: true }));
"""  # noqa: E501


def test_the_wheel_zooms_to_where_it_points(browser: Browser) -> None:
    shown = Page(browser, WHEEL)
    span_ns = fixed_recording.SPAN_NS
    assert shown.told["span"] == pytest.approx(span_ns / 2.718281828)
    assert shown.told["from"] + shown.told["span"] / 2 == pytest.approx(span_ns / 2, rel=1e-3)
    assert shown.judge_lanes() > 40


def test_keys_move_and_take_back(browser: Browser) -> None:
    press = "canvas.dispatchEvent(new KeyboardEvent('keydown', {{ key: '{}' }}));"
    moved = Page(browser, "".join(map(press.format, ("+", "+", "ArrowRight"))))
    span_ns = fixed_recording.SPAN_NS
    assert moved.told["span"] == span_ns / 4
    assert moved.told["from"] == pytest.approx(span_ns * (3 / 8 + 1 / 32))
    assert moved.judge_lanes() > 20
    back = Page(browser, "".join(map(press.format, ("+", "-", "+", "0"))))
    assert (back.told["from"], back.told["span"]) == (0, span_ns)


def test_a_line_of_the_legend_is_shown_alone(browser: Browser) -> None:
    shown = Page(browser, "list.children[2].dispatchEvent(new PointerEvent('pointerenter'));")
    x, y, width, height = shown.told["canvas"]
    area = shown.pixels.within(x + shown.told["left"] + 2, y + 2, int(width) - 80, int(height) - 40)
    entries = legend(shown.recorded).entries
    assert entries[2].colour in area
    assert (
        not {entry.colour for entry in entries if entry.colour != WHITE} - {entries[2].colour}
        & area
    )


def test_pointing_at_a_segment_tells_what_it_is(browser: Browser) -> None:
    shown = Page(
        browser,
        "const { x, y } = canvas.getBoundingClientRect();"
        " canvas.dispatchEvent(new PointerEvent('pointermove',"
        " { clientX: x + LEFT + 2, clientY: y + 2 * (LANE + GAP) + 5 }));",
    )
    first = shown.recorded.lanes[2][0]
    told = f"CPU 2: cache\n{(first.end_ns - first.start_ns) / 1e6:.3f} ms from 0.000 ms"
    assert shown.told["tip"] == told
