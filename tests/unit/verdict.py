# SPDX-License-Identifier: Apache-2.0
"""What the schemas say of a state and a config.json: does the container get a cell?

Written without the hook's parsers, so that a test can compare.
"""

import json
from functools import lru_cache
from typing import Any, NamedTuple

from compiled_schema import compiled

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
    return compiled(name)(document)


@lru_cache(maxsize=256)
def valid(name: str, data: bytes) -> dict[str, Any] | None:
    """Return the object in the bytes if there is one and a schema has nothing against it."""
    document = load(data)
    return document if document is not None and is_valid(name, document) else None


class Verdict(NamedTuple):
    """What becomes of a container, as far as the schemas can tell."""

    gets_cell: bool
    """createRuntime registers a cell for it."""
    is_plain: bool
    """Its annotations are malformed: the cell has nothing that they wish, and a line says so."""
    is_off: bool
    """It is to have no cell, which is no error."""
    is_required: bool
    """A failure counts, as far as the hook got to know it."""


def verdict(stdin: bytes, config: bytes) -> Verdict:
    """Return what becomes of a container with this state and this config.json."""
    state = valid("oci-state", stdin)
    own = (state or {}).get("annotations") or {}
    required = own.get(REQUIRED) == "true"
    if state is None or (state.get("pid") or 0) <= 0:
        return Verdict(False, False, False, required)
    off = own.get(CELL) == "off" and is_valid("annotations", own)
    document = valid("oci-config", config)
    if off or document is None:
        return Verdict(False, False, off, required)
    both = {**(document.get("annotations") or {}), **own}
    good = is_valid("annotations", both)
    off = good and both.get(CELL) == "off"
    required = both.get(REQUIRED) == "true"
    return Verdict(not off and (good or not required), not good and not required, off, required)
