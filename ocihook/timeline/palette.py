# SPDX-License-Identifier: Apache-2.0
"""Colours of cells: the same name has the same colour, and every eye can tell them apart."""

from collections.abc import Iterable
from zlib import crc32

COLOURS = (
    "#5d3a9b", "#fc7d0b", "#882255", "#e20134", "#008df9", "#ffbc79",
    "#7b848f", "#f0e442", "#8400cd", "#00c2f9", "#117733", "#009e73",
)  # fmt: skip
"""Chosen from palettes made for colour-blind readers (Tol, Okabe and Ito, Krzywinski) so that any
two, and each from white and the host's grey, differ by 16 or more in CIELAB, as they are and as
seen with protanopia, deuteranopia and tritanopia (Machado, Oliveira and Fernandes 2009)."""

HOST = "#b8bdc6"
OTHERS = "#3b3f46"
REAL_TIME = "#e20134"
NOT_RECORDED = "#8a8f98"


def assign(names: Iterable[str]) -> dict[str, str]:
    """Return a colour for each of at most 12 names, by the name and not by its place.

    Where two names ask for one colour, the later one in the alphabet gets the next that is free.

    Raises:
        ValueError: there are more names than colours.
    """
    free = list(COLOURS)
    assigned: dict[str, str] = {}
    wanted = sorted(set(names))
    if len(wanted) > len(COLOURS):
        raise ValueError(f"{len(wanted)} names, and {len(COLOURS)} colours")
    for name in wanted:
        first = crc32(name.encode(errors="surrogatepass")) % len(COLOURS)
        colour = next(colour for colour in (*COLOURS[first:], *COLOURS[:first]) if colour in free)
        free.remove(colour)
        assigned[name] = colour
    return assigned
