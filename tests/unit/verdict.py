# SPDX-License-Identifier: Apache-2.0
"""What the schemas say of a state and a config.json: does the container get a cell?

Written without the hook's parsers, so that a test can compare.
"""

import json
from typing import Any

from ocihook import schema

CELL = "org.ocihook/cell"
REQUIRED = "org.ocihook/required"


def load(data: bytes) -> dict[str, Any] | None:
    """Return the object that RFC 8259 sees in the bytes, or None."""

    def refuse(name: str) -> None:
        raise ValueError(name)

    try:
        document = json.loads(data.decode(), parse_constant=refuse)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def is_valid(name: str, document: object) -> bool:
    """Tell whether a schema has nothing against a document."""
    return bool(schema.validator(name).is_valid(document))


def state_of(stdin: bytes) -> dict[str, Any] | None:
    """Return the state if the schema has nothing against it."""
    state = load(stdin)
    return state if state is not None and is_valid("oci-state", state) else None


def wishes_of(stdin: bytes, config: bytes) -> list[dict[str, str]]:
    """Return the annotations that the hook sees: the state's, then those with config.json's.

    Empty where it comes to neither, shorter where it does not get to the second.
    """
    state = state_of(stdin)
    if state is None or (state.get("pid") or 0) <= 0:
        return []
    wishes = state.get("annotations") or {}
    if not is_valid("annotations", wishes) or wishes.get(CELL) == "off":
        return [wishes]
    document = load(config)
    if document is None or not is_valid("oci-config", document):
        return [wishes]
    return [wishes, {**(document.get("annotations") or {}), **wishes}]


def is_off(stdin: bytes, config: bytes) -> bool:
    """Tell whether the container is to have no cell, which is no error."""
    return any(
        is_valid("annotations", wishes) and wishes.get(CELL) == "off"
        for wishes in wishes_of(stdin, config)
    )


def gets_cell(stdin: bytes, config: bytes) -> bool:
    """Tell whether createRuntime registers a cell for this state and this config.json."""
    seen = wishes_of(stdin, config)
    return len(seen) == 2 and is_valid("annotations", seen[1]) and not is_off(stdin, config)


def is_required(stdin: bytes, config: bytes) -> bool:
    """Tell whether a failure counts, as far as the hook got to know it."""
    state = state_of(stdin)
    seen = wishes_of(stdin, config) or [(state or {}).get("annotations") or {}]
    return seen[-1].get(REQUIRED) == "true"
