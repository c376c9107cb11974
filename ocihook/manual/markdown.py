# SPDX-License-Identifier: Apache-2.0
"""Write pages as Markdown, for docs/reference.md."""

import textwrap
from collections.abc import Iterable, Iterator

from ocihook.manual.page import Heading, Listing, Page, Paragraph, Part, Terms

_WIDTH = 120


def text_of(pages: Iterable[Page]) -> str:
    """Return one chapter a page, with a blank line between all that stands in them."""
    blocks: list[str] = []
    for page in pages:
        blocks.append(f"## {page.reference}")
        for part in page.parts:
            blocks += _blocks(part)
    return "\n\n".join(blocks) + "\n"


def _blocks(part: Part) -> Iterator[str]:
    match part:
        case Heading(title, level):
            yield f"{'#' * (level + 2)} {title.capitalize() if title.isupper() else title}"
        case Paragraph(text):
            yield _wrapped(text)
        case Terms(items):
            yield "\n".join(
                _wrapped(f"- `{item.name}`: {item.text}", subsequent_indent="  ") for item in items
            )
        case Listing(lines):
            yield "\n".join(f"    {line}".rstrip() for line in lines)


def _wrapped(text: str, subsequent_indent: str = "") -> str:
    return textwrap.fill(
        text,
        _WIDTH,
        subsequent_indent=subsequent_indent,
        break_on_hyphens=False,
        break_long_words=False,
    )
