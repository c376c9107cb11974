# SPDX-License-Identifier: Apache-2.0
"""The schemas as code of fastjsonschema's, for tests that ask them a hundred thousand times.

jsonschema, which ocihook itself uses, takes several times as long. A test compares the two. What
our schemas have beyond draft 4 is put into its words: ``maxBytes`` as a format, and ``maxDepth``,
which only the top has, as a function. In draft 4 alone 1.0 is no integer, as in Go.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import fastjsonschema

from ocihook import control_file, cpulist, kernel_cpulist, schema
from ocihook.errors import InputError

SAME = frozenset(
    ("type", "required", "properties", "minLength", "maxLength", "not", "anyOf", "pattern", "enum",
     "minimum", "maximum", "additionalProperties", "patternProperties", "items", "format")
)  # fmt: skip
"""Keywords that draft 4 has, and means what we mean."""

WORDS = frozenset(("$schema", "$id", "title", "description"))
"""What says nothing about a document."""

Check = Callable[[object], bool]


def _is_read_by(read: Callable[[str], object], text: str) -> bool:
    try:
        read(text)
    except InputError:
        return False
    return True


def _is_short(limit_bytes: int, text: str) -> bool:
    try:
        return len(text.encode()) <= limit_bytes
    except UnicodeEncodeError:
        return False


READERS: dict[str, Callable[[str], object]] = {
    "cpulist": cpulist.parse,
    "kernel-cpulist": kernel_cpulist.parse,
    "kernel-nodelist": partial(kernel_cpulist.parse, last=kernel_cpulist.last_node),
    "cpu.weight": lambda text: text and control_file.weight(text),
    "cpu.max": lambda text: text and control_file.limit(text),
    "cpu.max.burst": lambda text: text and control_file.burst(text),
    "cpu.idle": lambda text: text and control_file.idle(text),
}


def in_draft_4(part: Any, formats: dict[str, Callable[[str], bool]]) -> Any:
    """Return a part of a schema in the words of draft 4; fill ``formats`` with what it needs."""
    if not isinstance(part, dict):
        return part
    found: dict[str, Any] = {}
    for keyword, value in part.items():
        if keyword in ("properties", "patternProperties"):
            found[keyword] = {name: in_draft_4(below, formats) for name, below in value.items()}
        elif keyword == "anyOf":
            found[keyword] = [in_draft_4(each, formats) for each in value]
        elif keyword == "maxBytes":
            formats[f"bytes-{value}"] = partial(_is_short, value)
            found["allOf"] = [{"format": f"bytes-{value}"}]
        elif keyword in SAME:
            found[keyword] = in_draft_4(value, formats)
            if keyword == "format":
                formats[value] = partial(_is_read_by, READERS[value])
        elif keyword not in WORDS:
            raise ValueError(f"{keyword}: not known here, and would not be judged")
    return found


@cache
def compiled(name: str) -> Check:
    """Return what tells whether the schema ``name`` has nothing against a parsed document."""
    top = schema.load(name)
    limit = top.pop("maxDepth", None)
    formats: dict[str, Callable[[str], bool]] = {}
    translated = in_draft_4(top, formats) | {"$schema": "http://json-schema.org/draft-04/schema"}
    check = fastjsonschema.compile(
        translated, formats=formats, use_default=False, detailed_exceptions=False
    )

    def is_valid(document: object) -> bool:
        try:
            check(document)
        except fastjsonschema.JsonSchemaValueException:
            return False
        return limit is None or not is_deep(document, limit)

    return is_valid


def is_deep(document: object, limit: int) -> bool:
    """Tell whether arrays and objects are nested more than ``limit`` deep; ``{}`` is 1 deep."""
    level = [document]
    for _ in range(limit + 1):
        level = [each for each in level if isinstance(each, (dict, list))]
        if not level:
            return False
        level = [
            below for each in level for below in (each.values() if isinstance(each, dict) else each)
        ]
    return True
