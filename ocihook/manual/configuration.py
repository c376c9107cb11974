# SPDX-License-Identifier: Apache-2.0
"""ocihook.toml(5), from the list of keys that the checks are made of, too."""

from collections.abc import Iterator
from itertools import groupby

from ocihook.config.keys import KEYS, Key
from ocihook.config.template import toml
from ocihook.manual.page import Heading, Listing, Page, Paragraph, Part, Term, Terms
from ocihook.paths import CONFIG_FILE, POLICY_FILE

NAME = "ocihook.toml"


def page() -> Page:
    """Return the page."""
    return Page(NAME, 5, "who gets a cell, and what annotations may ask for", tuple(_parts()))


def _parts() -> Iterator[Part]:
    yield Heading("SYNOPSIS")
    yield Listing((CONFIG_FILE,))
    yield Heading("DESCRIPTION")
    yield Paragraph(
        "A TOML file. Without it, and for each key that is not in it, the defaults hold; "
        "`ocihook install` places one in which every key is commented out."
    )
    yield Paragraph(
        'The next hook that runs reads it anew after a change. `who = "all"`, the patterns of '
        "`[enrol]` and `deadline_s` take effect with `ocihook install`, `[host]` with the next "
        "start of the scheduler. A mistake keeps no container from starting: what the file said "
        "before holds on, or else what is right in it, and wishes that the rest may limit are "
        "refused; each hook tells. Have it checked: `ocihook config check`."
    )
    yield Paragraph(
        "The file has to be root's, and nobody else may write it; otherwise it is not used, and "
        "no wish counts that was not allowed before."
    )
    yield Paragraph(
        "In patterns `*` is any characters but a slash, `**` any at all, `?` one that is not a "
        "slash."
    )
    for section, keys in groupby(KEYS, key=_section):
        yield Heading(f"[{section}]")
        yield Terms(tuple(map(_term, keys)))
    yield Heading("FILES")
    yield Terms(
        (Term(POLICY_FILE, "The configuration as the hook reads it; made anew when it is gone."),)
    )
    yield Heading("SEE ALSO")
    yield Paragraph("`ocihook-config(1)`, `ocihook-hook(8)`")


def _section(key: Key) -> str:
    return key.section


def _term(key: Key) -> Term:
    return Term(f"{key.name} = {toml(key.default)}", f"{key.purpose} Values: {key.values}.")
