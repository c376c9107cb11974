# SPDX-License-Identifier: Apache-2.0
"""Lines of columns, by hand: rich takes 10 ms for a table of them."""

from collections.abc import Collection, Mapping


def line(values: Mapping[str, str], widths: Mapping[str, int], left: Collection[str]) -> str:
    """Return the values as columns of these widths; those in ``left`` begin at the left."""
    return " ".join(
        cut(values[name], width).ljust(width) if name in left else values[name].rjust(width)
        for name, width in widths.items()
    ).rstrip()


def cut(text: str, columns: int) -> str:
    """Return a text of so many columns at most; a plus says that there was more."""
    return text if len(text) <= columns else f"{text[: columns - 1]}+"
