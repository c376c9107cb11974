# SPDX-License-Identifier: Apache-2.0
"""The commands that the command line has."""

from typing import Any


def commands(group: Any, *path: str) -> list[tuple[tuple[str, ...], Any]]:
    found = [(path, group)]
    for name, command in getattr(group, "commands", {}).items():
        found += commands(command, *path, name)
    return found
