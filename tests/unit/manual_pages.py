# SPDX-License-Identifier: Apache-2.0
"""The pages of the manual, and what groff makes of them."""

import re
import shutil
import subprocess

from command_line import ROOT

from ocihook.manual.page import Page, Term, Terms
from ocihook.manual.pages import man_text, pages

PAGES = {page.reference: page for page in pages(ROOT)}


def terms(page: Page) -> list[Term]:
    return [term for part in page.parts if isinstance(part, Terms) for term in part.items]


def rendered(page: Page) -> str:
    """Return the page as groff shows it, on one long line."""
    done = subprocess.run(
        ["groff", "-man", "-Tascii", "-P-c", "-ww", "-rLL=100n"],
        input=man_text(page, "made by a test"),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    if shutil.which("mandoc"):
        lint = ["mandoc", "-T", "lint", "-W", "style"]
        found = subprocess.run(lint, input=man_text(page, "c"), capture_output=True, check=False)
        # It looks for the pages that are named in SEE ALSO.
        told = [line for line in found.stdout.splitlines() if b"manual not found" not in line]
        assert told == []
    return " ".join(re.sub(r".\x08", "", done.stdout.decode("ascii")).split())
