# SPDX-License-Identifier: Apache-2.0
"""A finding, and how documents are looked into whose shape nobody has vouched for."""

from typing import Any, NamedTuple, TypeVar

from ocihook.schema_words import pointer_of

ERROR = "error"
"""A runtime, an engine or the hook refuses it, or it cannot do what it says."""

WARNING = "warning"
"""It works, and perhaps not as somebody thinks."""

Found = TypeVar("Found")


class Finding(NamedTuple):
    """What is said of the member at ``pointer``; ``emitter``: who is known to write it so."""

    pointer: str
    severity: str
    message: str
    emitter: str | None = None


def error(message: str, *path: str | int) -> Finding:
    """Return an error about the member at `path`, given as keys and indexes."""
    return Finding(pointer_of(path), ERROR, message)


def warning(message: str, *path: str | int) -> Finding:
    """Return a warning about the member at `path`, given as keys and indexes."""
    return Finding(pointer_of(path), WARNING, message)


def member(document: Any, kind: type[Found], *path: str | int) -> Found | None:
    """Return what is at `path` if it is of the type `kind`; what is not, a schema has refused."""
    value = document
    for part in path:
        if isinstance(value, dict) and isinstance(part, str):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    # bool is an int to isinstance, and none to JSON.
    return value if isinstance(value, kind) and type(value) is not bool else None


def items(document: Any, *path: str | int) -> list[tuple[int, dict[str, Any]]]:
    """Return the objects of the array at `path`, each with its index."""
    found = member(document, list, *path) or []
    return [(index, item) for index, item in enumerate(found) if isinstance(item, dict)]
