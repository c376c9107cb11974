# SPDX-License-Identifier: Apache-2.0
"""JSON as Go's decoder finds it, by which engines read hooks.d files (encoding/json). Pure.

Names match in any case. A member that is there twice is decoded twice, over what is there: objects
grow together, anything else is replaced, and each value has to be of the right type.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

_INT_DIGITS = 20
"""What is longer is no number of 64 bits, and Python refuses the longest ones."""

GO_MAX_DEPTH = 10_000
"""encoding/json, scanner.go, maxNestingDepth."""

_MAX_DEPTH = 64
"""What lies deeper is looked at piece by piece, since Python's own parser recurses."""

_STRINGS_AND_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[][{}]', re.DOTALL)

_LIKE_ASCII = str.maketrans({"\u017f": "s", "\u212a": "k"})
"""Go's foldName: the two letters beyond ASCII whose other case is in ASCII."""


class Object(dict[str, Any]):
    """A JSON object. ``pairs`` has every member; of equal names the dictionary has the last."""

    __slots__ = ("pairs",)

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.pairs = pairs


def parse(content: bytes) -> tuple[Any, str]:
    """Return the document of a file and no fault, or None and why it is none.

    UTF-8 alone, no byte order mark, no NaN. What lies deeper than members that have a meaning do
    is null in what is returned.
    """
    text = content.decode(errors="replace")
    try:
        if text.count("[") + text.count("{") > _MAX_DEPTH:
            text = _shallow(text)
        return _loads(text), ""
    except ValueError as error:
        return None, f"no JSON: {error}"


def _loads(text: str) -> Any:
    return json.loads(text, parse_constant=_refuse, parse_int=_int, object_pairs_hook=Object)


def _shallow(text: str) -> str:
    """Return the text with null in place of what lies too deep, if that is JSON.

    Raises:
        ValueError: it is not, or lies deeper than Go reads, or brackets are not closed.
    """
    pieces: list[list[str]] = [[]]
    begin = 0
    for found in _STRINGS_AND_BRACKETS.finditer(text):
        if found[0] in "[{":
            if len(pieces) > GO_MAX_DEPTH:
                raise ValueError(f"nested more than {GO_MAX_DEPTH} deep")
            pieces[-1].append(text[begin : found.start()])
            pieces.append([])
            begin = found.start()
        elif found[0] in "]}" and len(pieces) > 1:
            value = "".join((*pieces.pop(), text[begin : found.end()]))
            begin = found.end()
            if len(pieces) > _MAX_DEPTH:
                _loads(value)
                value = "null"
            pieces[-1].append(value)
    if len(pieces) > 1:
        raise ValueError("ends before its brackets are closed")
    return "".join((*pieces[0], text[begin:]))


def pairs(members: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return every member of an object, those that others of equal names follow included."""
    return members.pairs if isinstance(members, Object) else list(members.items())


def given(members: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return every member that is not null, by its name in lower case."""
    return [(_lower(key), value) for key, value in pairs(members) if value is not None]


def folded(members: Mapping[str, Any]) -> dict[str, Any]:
    """Return what becomes of the members of an object, by their names in lower case.

    Null empties a list, a number or a switch that was there before; text and objects stay.
    """
    found: dict[str, Any] = {}
    for key, value in pairs(members):
        name = _lower(key)
        before = found.get(name)
        if value is None:
            if not isinstance(before, str | dict):
                found.pop(name, None)
        elif isinstance(before, dict) and isinstance(value, dict):
            found[name] = Object([*pairs(before), *pairs(value)])
        else:
            found[name] = value
    return found


def _lower(key: str) -> str:
    return key.translate(_LIKE_ASCII).lower()


def _int(digits: str) -> int | float:
    return int(digits) if len(digits) <= _INT_DIGITS else float(digits)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")
