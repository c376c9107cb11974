# SPDX-License-Identifier: Apache-2.0
"""Read the command line itself: what ``--help`` knows, as parts of pages."""

import inspect
import re
from collections.abc import Iterator

import typer
from typer.core import TyperCommand, TyperGroup

from ocihook.manual.page import Heading, Listing, Paragraph, Part, Term, Terms

Command = TyperCommand | TyperGroup

_PLACEHOLDERS = {"<path>": "PATH", "<text>": "TEXT", "<int>": "N", "<int range>": "N"}
"""What stands for a value where the command line itself names only its type."""


def subcommands(command: Command) -> list[Command]:
    """Return the commands of a group in the order of ``--help``; none of what is no group."""
    if not isinstance(command, TyperGroup):
        return []
    context = typer.Context(command, info_name=command.name)
    found = [command.get_command(context, name) for name in command.list_commands(context)]
    return [each for each in found if isinstance(each, Command) and not each.hidden]


def summary(command: Command) -> str:
    """Return the first sentence about a command, as the line of a NAME section."""
    first, *_ = _paragraphs(command) or ["?"]
    sentence = first.split(". ")[0].rstrip(".")
    return sentence[0].lower() + sentence[1:]


def usage(command: Command, path: str) -> str:
    """Return how the command is called; ``path`` is all that comes before its arguments."""
    context = typer.Context(command, info_name=path)
    pieces = command.collect_usage_pieces(context)
    return " ".join([path, *(re.sub(r"[{}]", "", piece).upper() for piece in pieces)])


def describe(command: Command, path: str) -> Iterator[Part]:
    """Yield what a command is for, and below that its arguments and options."""
    for text in _paragraphs(command):
        yield Paragraph(text)
    yield from options(command, path)


def describe_all(group: Command, path: str) -> Iterator[Part]:
    """Yield usage and description of each command of a group, under a heading of its own."""
    for command in subcommands(group):
        below = f"{path} {command.name}"
        yield Heading(below, 2)
        yield Listing((usage(command, below),))
        yield from describe(command, below)


def options(command: Command, path: str) -> Iterator[Part]:
    """Yield a command's arguments and options, if it has any."""
    terms = tuple(_parameters(command, path))
    if terms:
        yield Terms(terms)


def _paragraphs(command: Command) -> list[str]:
    text = inspect.cleandoc(command.help or "")
    return [" ".join(paragraph.split()) for paragraph in text.split("\n\n") if paragraph]


def _parameters(command: Command, path: str) -> Iterator[Term]:
    context = typer.Context(command, info_name=path)
    for parameter in command.params:
        record = parameter.get_help_record(context)
        if record is None:
            continue
        name, text = (" ".join(each.split()) for each in record)
        if parameter.param_type_name == "argument":
            name = name.upper()
        for type_name, placeholder in _PLACEHOLDERS.items():
            name = name.replace(type_name, placeholder)
        # A switch that is off says nothing by it.
        text = re.sub(r" ?\[(required|default: no-[\w-]+)\]", "", text)
        yield Term(name, text or "See above.")
