# SPDX-License-Identifier: Apache-2.0
"""The manual: its pages name each other, lie where man looks, and are clean for groff."""

import re
import shutil
from pathlib import Path

import pytest
from manual_pages import PAGES, rendered, terms

from ocihook.manual import markdown
from ocihook.manual.page import Listing
from ocihook.manual.pages import file_name, man_text


@pytest.mark.parametrize("reference", PAGES)
def test_groff_finds_nothing_wrong(reference: str) -> None:
    if not shutil.which("groff"):
        pytest.skip("needs groff")
    page = PAGES[reference]
    text = rendered(page)
    assert f"{page.name} - " in text
    for part in page.parts:
        if isinstance(part, Listing):
            assert " ".join(part.lines[0].split()) in text
    for term in terms(page):
        assert " ".join(term.name.split()) in text


def test_pages_name_pages_that_exist() -> None:
    others = {"podman-run(1)", "runc(8)", "crun(1)", "oci-hooks(5)"}
    named = set(re.findall(r"[\w.-]+\(\d\)", markdown.text_of(PAGES.values())))
    assert named - others == set(PAGES)


def test_pages_are_where_man_looks() -> None:
    assert file_name(PAGES["ocihook-hook(8)"]) == "man8/ocihook-hook.8"
    names = {Path(file_name(page)).name for page in PAGES.values()}
    assert {"ocihook.1", "ocihook-cells.1", "ocihook.toml.5"} < names


def test_it_is_plain_ascii() -> None:
    for page in PAGES.values():
        man_text(page, "c").decode("ascii")
