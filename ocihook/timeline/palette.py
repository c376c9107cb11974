# SPDX-License-Identifier: Apache-2.0
"""Colours of cells: the same name has the same colour, and every eye can tell them apart."""

from collections.abc import Iterable
from zlib import crc32

COLOURS = (
    "#332288", "#008df9", "#ee8866", "#aa4499", "#ffc107", "#00c2f9",
    "#dc3220", "#8400cd", "#eedd88", "#a40122", "#ee6677", "#aaaa00",
)  # fmt: skip
"""Chosen from palettes made for colour-blind readers (Tol, Okabe and Ito, Krzywinski) so that any
two, and each from white, the host's grey and that of others, are 14 or more apart in CIELAB, as
they are and as seen with protanopia, deuteranopia and tritanopia (Machado, Oliveira and Fernandes
2009)."""

HOST = "#b8bdc6"
OTHERS = "#3b3f46"
IDLE = "#ffffff"
REAL_TIME = "#000000"
NOT_RECORDED = "#8a8f98"


def assign(names: Iterable[str]) -> dict[str, str]:
    """Return a colour for each of at most 12 names, by the name and not by its place.

    Where several names ask for one colour, the first in the alphabet has it; the others get what
    nobody asked for.

    Raises:
        ValueError: there are more names than colours.
    """
    wanted = sorted(set(names))
    if len(wanted) > len(COLOURS):
        raise ValueError(f"{len(wanted)} names, and {len(COLOURS)} colours")
    owners: dict[str, str] = {}
    for name in wanted:
        owners.setdefault(_wish(name), name)
    assigned = {name: colour for colour, name in owners.items()}
    free = (colour for colour in COLOURS if colour not in owners)
    return {name: assigned.get(name) or next(free) for name in wanted}


def _wish(name: str) -> str:
    return COLOURS[crc32(name.encode(errors="surrogatepass")) % len(COLOURS)]
