# SPDX-License-Identifier: Apache-2.0
from ocihook.manual import markdown
from ocihook.manual.page import Heading, Listing, Page, Term, Terms


def test_markdown() -> None:
    parts = (Heading("SEE ALSO"), Heading("a b", 2), Listing(("x", "", "y")),
             Terms((Term("-x", "what `y` is"),)))  # fmt: skip
    assert markdown.text_of([Page("n", 1, "s", parts)]) == (
        "## n(1)\n\n### See also\n\n#### a b\n\n    x\n\n    y\n\n- `-x`: what `y` is\n"
    )
