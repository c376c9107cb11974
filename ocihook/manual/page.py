# SPDX-License-Identifier: Apache-2.0
"""What a page of the manual is made of.

Texts are plain but for one thing: what stands between backticks is to be typed, or read, as it is.
"""

from typing import NamedTuple


class Heading(NamedTuple):
    """A heading: ``level`` 1 begins a section, 2 a part of one."""

    title: str
    level: int = 1


class Paragraph(NamedTuple):
    """Some sentences."""

    text: str


class Term(NamedTuple):
    """What is explained, as it is typed, and its explanation."""

    name: str
    text: str


class Terms(NamedTuple):
    """A list of explanations."""

    items: tuple[Term, ...]


class Listing(NamedTuple):
    """Lines that stand as they are."""

    lines: tuple[str, ...]


Part = Heading | Paragraph | Terms | Listing


class Page(NamedTuple):
    """A page: its name and section, as in ``man SECTION NAME``, one line about it, its parts."""

    name: str
    section: int
    summary: str
    parts: tuple[Part, ...]

    @property
    def reference(self) -> str:
        """How other pages name it."""
        return f"{self.name}({self.section})"
