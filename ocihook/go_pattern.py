# SPDX-License-Identifier: Apache-2.0
"""Whether Go's regexp compiles a pattern (github.com/google/re2, Syntax).

Patterns of hooks.d are compiled by the engine, which is written in Go; one that fails keeps every
container of the machine from starting (podman issue 6629). Python's re knows most of the syntax;
what only one of them has is told apart here.
"""

import re
import warnings

from ocihook.errors import InputError

_ONLY_PYTHON = (
    (r"\(\?(=|!|<=|<!)", "looks ahead or behind"),
    (r"\(\?\(", "has a condition"),
    (r"\(\?>", "has an atomic group"),
    (r"\(\?P=|\\[1-9]", "refers back to a group"),
    (r"[*+?}]\+", "has a possessive quantifier"),
)
_ONLY_GO = re.compile(r"\\[pP](?:\{[^}]*\}|.)|\\[zCQE]|\[:\^?[a-z]+:\]")
_NO_SYNTAX = re.compile(r"\\\\|\[\^?\]?(?:\\.|[^\]\\])*\]")
"""Escaped backslashes, and what stands in brackets."""


def check(pattern: str) -> None:
    """Raise where Go would not compile `pattern`.

    Raises:
        InputError: with the reason.
    """
    bare = _NO_SYNTAX.sub("x", pattern)
    for syntax, name in _ONLY_PYTHON:
        if re.search(rf"(?<!\\)(?:{syntax})", bare):
            raise InputError(f"{pattern[:64]!a} {name}, which Go refuses")
    try:
        with warnings.catch_warnings(action="ignore"):
            re.compile(_ONLY_GO.sub("x", pattern))
    except (re.error, RecursionError, OverflowError) as error:
        raise InputError(f"{pattern[:64]!a} is no pattern: {error}") from None
