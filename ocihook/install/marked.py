# SPDX-License-Identifier: Apache-2.0
"""A line in each text file that is placed, by which it is known as ours.

Not a list of what was placed, kept somewhere: that could be lost, or be wrong about a file that
somebody has changed since, and packages built with ``--root`` would have one too many.
"""

from typing import NamedTuple

MARK = "written by `ocihook install`; `ocihook uninstall` removes it"
"""What the line says."""

_WITHIN_BYTES = 1024
"""Of a file's beginning: some formats want another line before it."""


class Text(NamedTuple):
    """A text file to be placed: what it is called below its directory, and all of its content."""

    name: str
    content: bytes


def is_ours(content: bytes) -> bool:
    """Tell whether a text file has the mark."""
    return MARK.encode() in content[:_WITHIN_BYTES]
