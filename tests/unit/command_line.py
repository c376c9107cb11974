# SPDX-License-Identifier: Apache-2.0
"""The commands that the command line has."""

from typing import Any

import typer
from typer.core import TyperGroup

from ocihook import cli


def _root() -> TyperGroup:
    root = typer.main.get_command(cli.app)
    assert isinstance(root, TyperGroup)
    return root


ROOT = _root()


def commands(group: Any = ROOT, *path: str) -> list[tuple[tuple[str, ...], Any]]:
    """Return a command and all below it, each with its words."""
    found = [(path, group)]
    for name, command in getattr(group, "commands", {}).items():
        found += commands(command, *path, name)
    return found
