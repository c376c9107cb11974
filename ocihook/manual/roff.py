# SPDX-License-Identifier: Apache-2.0
"""Write a page for man(1): the macros of man(7) that groff and mandoc both know."""

import re
import textwrap
from collections.abc import Iterator

from ocihook.manual.page import Heading, Listing, Page, Paragraph, Part, Terms

_SPECIAL = {
    "\\": r"\(rs",
    "-": r"\-",  # to be copied into a shell; a bare one may become a hyphen
    "^": r"\(ha",
    "~": r"\(ti",
    "`": r"\(ga",
    "'": r"\(aq",
    '"': r"\(dq",
}


def page_text(page: Page, *, source: str, date: str, comment: str) -> str:
    """Return the page in roff, in ASCII.

    Args:
        source: what the page belongs to, with its version; stands at the bottom.
        date: of the last change, as ISO 8601 has it.
        comment: of the first line.
    """
    title = _escaped(page.name.upper())
    lines = [
        f'.\\" {comment}',
        f'.TH {title} {page.section} {date} "{_escaped(source)}" "ocihook manual"',
        ".SH NAME",
        *_wrapped(f"{_escaped(page.name)} \\- {_inline(page.summary)}"),
    ]
    for part in page.parts:
        # A heading begins a paragraph by itself; mandoc complains of a second one.
        if lines[-1].startswith((".SH", ".SS")) and not isinstance(part, Heading | Terms):
            lines += list(_lines(part))[1:]
        else:
            lines += _lines(part)
    return "\n".join(lines) + "\n"


def _lines(part: Part) -> Iterator[str]:
    match part:
        case Heading(title, level):
            yield f'{".SH" if level == 1 else ".SS"} "{_escaped(title)}"'
        case Paragraph(text):
            yield ".PP"
            yield from _filled(text)
        case Terms(items):
            for item in items:
                yield ".TP"
                yield rf"\fB{_escaped(item.name)}\fR"
                yield from _filled(item.text)
        case Listing(lines):
            yield from (".PP", ".RS 4", ".nf")
            # An empty line needs no guard in no-fill mode, but mandoc wants none of them.
            yield from (_guarded(_escaped(line)) or r"\&" for line in lines)
            yield from (".fi", ".RE")


def _filled(text: str) -> Iterator[str]:
    yield from map(_guarded, _wrapped(_inline(text)))


def _wrapped(text: str) -> list[str]:
    """Split a text of roff at blanks alone: a line must not begin in the middle of an escape."""
    return textwrap.wrap(text, break_on_hyphens=False, break_long_words=False)


def _guarded(line: str) -> str:
    return rf"\&{line}" if line.startswith((".", "'")) else line


def _inline(text: str) -> str:
    """Escape a text, and set what stands between backticks in bold."""
    pieces = re.split(r"`([^`]*)`", text)
    return "".join(
        rf"\fB{_escaped(piece)}\fR" if index % 2 else _escaped(piece)
        for index, piece in enumerate(pieces)
    )


def _escaped(text: str) -> str:
    return "".join(
        _SPECIAL.get(char, char if char.isascii() else rf"\[u{ord(char):04X}]") for char in text
    )
