# SPDX-License-Identifier: Apache-2.0
"""JSON as Go's decoder finds it, by which engines read hooks.d files (encoding/json). Pure.

Names match in any case. A member that is there twice is decoded twice, over what is there: objects
grow together, anything else is replaced, and each value has to be of the right type.
"""

import json
from collections.abc import Mapping
from typing import Any

_INT_DIGITS = 20
"""What is longer is no number of 64 bits, and Python refuses the longest ones."""

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

    UTF-8 alone, no byte order mark, no NaN.
    """
    try:
        document = json.loads(
            content.decode(errors="replace"),
            parse_constant=_refuse,
            parse_int=_int,
            object_pairs_hook=Object,
        )
    except (ValueError, RecursionError) as error:
        return None, f"no JSON: {error}"
    return document, ""


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
