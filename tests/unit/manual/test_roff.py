# SPDX-License-Identifier: Apache-2.0
"""Text that roff would take for its own."""

import shutil

import pytest
from manual_pages import rendered

from ocihook.manual.page import Heading, Listing, Page, Paragraph, Part, Term, Terms
from ocihook.manual.pages import man_text


@pytest.mark.parametrize(
    ("part", "shown"),
    [
        (Paragraph(".TH is 'no' macro\\fB here"), ".TH is 'no' macro\\fB here"),
        (Paragraph("`a-b` ~ ^ \" `x'y`"), "a-b ~ ^ \" x'y"),
        (Listing(("'quoted", "", ".SH x", "back\\slash")), "'quoted .SH x back\\slash"),
        (Terms((Term(".dot", "text"),)), ".dot text"),
        (Heading('a "b" -c'), 'a "b" -c'),
    ],
)
def test_what_roff_would_take_for_its_own_is_text(part: Part, shown: str) -> None:
    if not shutil.which("groff"):
        pytest.skip("needs groff")
    page = Page("x", 1, "a summary", (Heading("DESCRIPTION"), part))
    assert shown in rendered(page)


def test_wrapped_lines_are_no_macros() -> None:
    """A line that begins with a dot or a quote is a macro's, wherever the wrapping put it."""
    words = " ".join(f"'w{number}" for number in range(99))
    text = man_text(Page("x", 1, "s", (Paragraph(words),)), "c").decode()
    assert len(text.splitlines()) > 8
    macros = [line for line in text.splitlines() if line.startswith((".", "'"))]
    assert [line.split()[0] for line in macros] == ['.\\"', ".TH", ".SH", ".PP"]
