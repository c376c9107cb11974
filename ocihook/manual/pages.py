# SPDX-License-Identifier: Apache-2.0
"""All pages of the manual: one for ``ocihook``, one for each of its commands, two beside them."""

from collections.abc import Iterator

from typer.core import TyperGroup

from ocihook import __version__, paths
from ocihook.manual import configuration, hook, roff
from ocihook.manual.commands import (
    Command,
    describe,
    describe_all,
    options,
    subcommands,
    summary,
    usage,
)
from ocihook.manual.examples import EXAMPLES
from ocihook.manual.exit_status import EXIT_STATUS
from ocihook.manual.page import Heading, Listing, Page, Paragraph, Part, Term, Terms

DATE = "2026-11-22"
"""When the manual was last worked on. Not today's: the same version places the same files."""

_FILES = (
    Term(paths.PIN_DIR, "The pinned scheduler, of this version's ABI."),
    Term(paths.CONFIG_FILE, "The configuration; see `ocihook.toml(5)`."),
    Term(paths.RUN_DIR, "The configuration as the hook reads it."),
)


def pages(root: TyperGroup) -> list[Page]:
    """Return the pages for the command line ``root``, in the order of the reference."""
    commands = subcommands(root)
    group_pages = [
        Page(f"ocihook-{command.name}", 1, summary(command), tuple(_command_parts(command)))
        for command in commands
    ]
    return [_overview(root, group_pages), *group_pages, hook.page(), configuration.page()]


def file_name(page: Page) -> str:
    """Return where a page goes below the directory of the manual: ``man1/ocihook.1``."""
    return f"man{page.section}/{page.name}.{page.section}"


def man_text(page: Page, comment: str) -> bytes:
    """Return a page as man(1) wants it; ``comment`` is in its first line."""
    source = f"ocihook {__version__}"
    return roff.page_text(page, source=source, date=DATE, comment=comment).encode("ascii")


def _overview(root: TyperGroup, others: list[Page]) -> Page:
    parts: list[Part] = [
        Heading("SYNOPSIS"),
        Listing((usage(root, "ocihook"),)),
        Heading("DESCRIPTION"),
        Paragraph(
            "A container's cell is its place in one scheduler that all containers share: a weight, "
            "a quota, and where it wishes CPUs of its own, which it lends while they are idle. "
            "`ocihook scheduler start` loads the scheduler into the kernel, where it stays; the "
            "runtime's hooks, which `ocihook install` places, make the cells. Nothing keeps "
            "running in user space."
        ),
        Paragraph("Every command explains itself with `--help`."),
        *options(root, "ocihook"),
        Heading("COMMANDS"),
        Terms(tuple(Term(page.reference, f"{page.summary}.") for page in others)),
        Heading("EXIT STATUS"),
        Terms(EXIT_STATUS),
        Heading("FILES"),
        Terms(_FILES),
        Heading("SEE ALSO"),
        Paragraph("`ocihook-hook(8)`, `ocihook.toml(5)`, `podman-run(1)`, `runc(8)`, `crun(1)`"),
    ]
    return Page("ocihook", 1, "cells of CPU time for containers", tuple(parts))


def _command_parts(command: Command) -> Iterator[Part]:
    path = f"ocihook {command.name}"
    yield Heading("SYNOPSIS")
    yield Listing((usage(command, path),))
    yield Heading("DESCRIPTION")
    yield from describe(command, path)
    if subcommands(command):
        yield Heading("COMMANDS")
        yield from describe_all(command, path)
    examples = EXAMPLES.get(command.name or "", ())
    if examples:
        yield Heading("EXAMPLES")
    for purpose, line in examples:
        yield Paragraph(purpose)
        yield Listing((line,))
    yield Heading("SEE ALSO")
    yield Paragraph("`ocihook(1)`, which lists the exit codes")
