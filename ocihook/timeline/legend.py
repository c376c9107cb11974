# SPDX-License-Identifier: Apache-2.0
"""What of a recording is told apart by name and colour, and what is put together as others."""

from typing import NamedTuple

from ocihook.timeline import palette
from ocihook.timeline.recording import FIXED_LABELS, HOST, IDLE, OTHER, UNKNOWN, Recording, Who

_FIXED = ((HOST, palette.HOST), (OTHER, palette.REAL_TIME), (UNKNOWN, palette.NOT_RECORDED))


class Entry(NamedTuple):
    """A line of the legend. ``hatched``: in stripes of the colour; it is no cell."""

    label: str
    colour: str
    hatched: bool
    time_ns: int


class Legend(NamedTuple):
    """Cells by their time, most first, then all others as one, host, real-time, not recorded, idle.

    ``entry_of`` has the index of each label's entry. Idle time has none: it is left white.
    """

    entries: tuple[Entry, ...]
    entry_of: dict[str, int]


def legend(recording: Recording) -> Legend:
    """Return the legend of a recording. Only what ran has a line."""
    times = recording.times_ns()
    fixed = set(FIXED_LABELS.values())
    cells = sorted((label for label in times if label not in fixed), key=lambda x: (-times[x], x))
    shown, others = cells[: len(palette.COLOURS)], cells[len(palette.COLOURS) :]
    colours = palette.assign(shown)
    entries = [Entry(label, colours[label], False, times[label]) for label in shown]
    entry_of = {label: index for index, label in enumerate(shown)}
    if others:
        entry_of.update(dict.fromkeys(others, len(entries)))
        total_ns = sum(times[label] for label in others)
        entries.append(Entry(f"{len(others)} others", palette.OTHERS, False, total_ns))
    for who, colour in _FIXED:
        label = FIXED_LABELS[who]
        if times.get(label):
            entry_of[label] = len(entries)
            entries.append(Entry(label, colour, who != HOST, times[label]))
    idle_ns = times.get(FIXED_LABELS[IDLE])
    if idle_ns:
        entries.append(Entry(FIXED_LABELS[IDLE], palette.IDLE, False, idle_ns))
    return Legend(tuple(entries), entry_of)


def entries_by_who(recording: Recording, found: Legend) -> dict[Who, int]:
    """Return the entry of everybody who ran in a recording; idle time has none."""
    everybody = {segment.who for lane in recording.lanes.values() for segment in lane}
    return {who: found.entry_of[recording.label(who)] for who in everybody if who != IDLE}
