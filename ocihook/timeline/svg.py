# SPDX-License-Identifier: Apache-2.0
"""Draw a recording as SVG: a lane a CPU, time from left to right, for a README or a report."""

from collections.abc import Iterator

from ocihook.timeline import markup
from ocihook.timeline.columns import Box, boxes
from ocihook.timeline.legend import Entry, Legend, entries_by_who, legend
from ocihook.timeline.recording import Recording

WIDTH = 1200
LEFT = 72
PLOT = 1104
"""Pixels for the time that was recorded: columns."""

BOXES_MAX = 30_000
"""A box is some 20 bytes: with more, columns become wider, so that a file stays below 1 MB."""

_LANE, _GAP = 24, 6
_NARROW = 32
"""From so many CPUs on, lanes are half as high."""

_TOP = 64
_LABEL_CHARS = 28
_CHAR_PX = 7.2
_STYLE = (
    "text{font:13px system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:#1f2328}"
    ".title{font-size:17px;font-weight:600}.dim{fill:#59636e}.grid{stroke:#d1d9e0}"
    ".boxes{shape-rendering:crispEdges}"
)


def render(recording: Recording) -> str:
    """Return the drawing, below 1 MB whatever was recorded on up to 256 CPUs."""
    found = legend(recording)
    cpus = sorted(recording.lanes)
    tall, gap = (_LANE, _GAP) if len(cpus) < _NARROW else (_LANE // 2, 2)
    bottom = _TOP + len(cpus) * (tall + gap)
    places = list(_legend_places(found))
    height = bottom + 40 + (max(row for _, row, _ in places) + 1 if places else 0) * 24
    seconds = (recording.ended_ns - recording.began_ns) / 1e9
    about = markup.summary(seconds, len(cpus), recording.machine, recording.dropped, recording.note)
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
            f' width="{WIDTH}" height="{height}" role="img">',
            f"<title>{markup.text(recording.title)}</title>",
            f"<style>{_STYLE}</style>",
            f"<defs>{''.join(_patterns(found))}</defs>",
            f'<rect width="{WIDTH}" height="{height}" rx="6" fill="#fff"/>',
            f'<text class="title" x="16" y="28">{markup.text(recording.title)}</text>',
            f'<text class="dim" x="16" y="48">{markup.text(about, 160)}</text>',
            *_axis(recording.ended_ns - recording.began_ns, bottom),
            *_lanes(recording, found, tall, gap),
            *_legend(recording, found, places, bottom + 48),
            "</svg>\n",
        )
    )


def _fill(index: int, entry: Entry) -> str:
    return f"url(#hatch{index})" if entry.hatched else entry.colour


def _patterns(found: Legend) -> Iterator[str]:
    for index, entry in enumerate(found.entries):
        if entry.hatched:
            yield (
                f'<pattern id="hatch{index}" width="6" height="6" patternUnits="userSpaceOnUse"'
                f' patternTransform="rotate(45)"><rect width="3" height="6"'
                f' fill="{entry.colour}"/></pattern>'
            )


def tick_ms(span_ns: int) -> float:
    """Return the distance of ticks: 1, 2 or 5 times a power of ten, 5 to 12 of them in all."""
    power = 1e-6
    while True:
        for step in (1, 2, 5):
            if span_ns / 1e6 <= 12 * step * power:
                return step * power
        power *= 10


def _axis(span_ns: int, bottom: int) -> Iterator[str]:
    step_ms = tick_ms(max(span_ns, 1))
    for tick in range(int(span_ns / 1e6 / step_ms + 1e-9) + 1):
        x = LEFT + tick * step_ms * 1e6 / max(span_ns, 1) * PLOT
        yield f'<path class="grid" d="M{x:.1f} {_TOP - 6}V{bottom}"/>'
        yield (
            f'<text class="dim" x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">'
            f"{tick * step_ms:g}{'' if tick else ' ms'}</text>"
        )


def _lanes(recording: Recording, found: Legend, tall: int, gap: int) -> Iterator[str]:
    entry_of = entries_by_who(recording, found)
    for scale in (1, 2, 4, 8, 16):
        drawn = {
            cpu: boxes(lane, recording.began_ns, recording.ended_ns, entry_of, PLOT // scale, tall)
            for cpu, lane in recording.lanes.items()
        }
        if sum(map(len, drawn.values())) <= BOXES_MAX:
            break
    for row, cpu in enumerate(sorted(drawn)):
        y = _TOP + row * (tall + gap)
        if tall == _LANE or row % 2 == 0:
            middle = y + tall // 2 + 5
            yield f'<text x="{LEFT - 10}" y="{middle}" text-anchor="end">CPU {cpu}</text>'
        yield (
            f'<rect x="{LEFT}" y="{y}" width="{PLOT}" height="{tall}" fill="none" class="grid"/>'
        )
        yield (
            f'<g class="boxes" transform="translate({LEFT} {y})'
            f'{f" scale({scale} 1)" if scale > 1 else ""}">'
        )
        for index, entry in enumerate(found.entries):
            path = "".join(_outline(box) for box in drawn[cpu] if box.entry == index)
            if path:
                name = markup.text(entry.label)
                yield f'<path fill="{_fill(index, entry)}" d="{path}"><title>{name}</title></path>'
        yield "</g>"


def _outline(box: Box) -> str:
    return f"M{box.x} {box.y}h{box.width}v{box.height}h-{box.width}z"


def _short(label: str) -> str:
    return label if len(label) <= _LABEL_CHARS else f"{label[: _LABEL_CHARS - 1]}…"


def _share(part: float) -> str:
    """Return a percentage; what ran is never nothing."""
    return "<1%" if 0 < part < 0.005 else f"{part:.0%}"


def _legend_places(found: Legend) -> Iterator[tuple[int, int, Entry]]:
    """Yield (x, row, entry)."""
    x, row = LEFT, 0
    for entry in found.entries:
        wide = 46 + (len(_short(entry.label)) + 6) * _CHAR_PX
        if x + wide > WIDTH:
            x, row = LEFT, row + 1
        yield x, row, entry
        x += round(wide)


def _legend(
    recording: Recording, found: Legend, places: list[tuple[int, int, Entry]], top: int
) -> Iterator[str]:
    total_ns = (recording.ended_ns - recording.began_ns) * len(recording.lanes) or 1
    for index, (x, row, entry) in enumerate(places):
        y = top + row * 24
        share = markup.text(_share(entry.time_ns / total_ns))
        yield (
            f'<rect x="{x + 0.5}" y="{y - 10.5}" width="13" height="13"'
            f' fill="{_fill(index, entry)}" class="grid"/>'
            f'<text x="{x + 20}" y="{y}">{markup.text(_short(entry.label))}'
            f'<tspan class="dim" dx="6">{share}</tspan></text>'
        )
