# SPDX-License-Identifier: Apache-2.0
"""Say what a JSON Schema has against a document: where, and in few words.

jsonschema's own messages quote the whole instance, which may be megabytes, and
do not say what a pattern is there for.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from jsonschema import ValidationError

_SHOWN_CHARS = 60


def pointer_of(path: tuple[str | int, ...]) -> str:
    """Return the JSON pointer (RFC 6901) of a path of keys and indexes."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def in_document_order(error: ValidationError) -> list[tuple[int, str]]:
    """Return a key that sorts errors by their place: members by name, items by number."""
    return [
        (part, "") if isinstance(part, int) else (-1, str(part)) for part in error.absolute_path
    ]


def places(error: ValidationError) -> Iterator[tuple[str, str]]:
    """Yield a pointer and a message for each member that `error` is about."""
    path = tuple(error.absolute_path)
    if error.validator == "additionalProperties":
        for name in _unknown(error):
            yield pointer_of((*path, name)), "unknown member"
    else:
        yield pointer_of(path), _message(error)


def _message(error: ValidationError) -> str:
    rule: Any = error.validator_value
    value = error.instance
    match error.validator:
        case "type":
            wanted = rule if isinstance(rule, str) else " or ".join(rule)
            return f"{shown(value)} is not of type {wanted}"
        case "required":
            # One error a name, which only the message has.
            return error.message.replace(" is a required property", " is missing")
        case "enum":
            return f"{shown(value)} is none of {', '.join(map(str, rule))}"
        case "const":
            return f"{shown(value)} is not {shown(rule)}"
        case "minimum":
            return f"{shown(value)} is less than {rule}"
        case "maximum":
            return f"{shown(value)} is more than {rule}"
        case "maxBytes" | "maxDepth":
            return error.message
        case "minLength" | "minItems" | "minProperties":
            return "is empty"
        case "uniqueItems":
            return "has an item twice"
        case "format" if error.cause is not None:
            return str(error.cause)
    purpose = error.schema.get("description") if isinstance(error.schema, dict) else None
    return f"{shown(value)} does not fit: {purpose or f'{error.validator} {shown(rule)}'}"


def shown(value: Any) -> str:
    """Write a value for a message, cut to a length that a terminal can take."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    if value is None or isinstance(value, bool):
        return str(json.dumps(value))
    text = ascii(value)
    return text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "..."


def _unknown(error: ValidationError) -> list[str]:
    schema: Any = error.schema
    instance: Any = error.instance
    known = schema.get("properties", {})
    patterns = schema.get("patternProperties", {})
    return [
        name
        for name in instance
        if name not in known and not any(re.search(pattern, name) for pattern in patterns)
    ]
