# SPDX-License-Identifier: Apache-2.0
"""What kind of document something is: by what it has that no other kind has."""

from collections.abc import Callable
from typing import Any, NamedTuple

from ocihook.hook.annotations import PREFIX


class Kind(NamedTuple):
    """Its schemas, those of the hook first, and by what it is told from the others."""

    schemas: tuple[str, ...]
    fits: Callable[[Any], bool]


def _has(*names: str) -> Callable[[Any], bool]:
    return lambda document: isinstance(document, dict) and all(name in document for name in names)


def _is_hooks_file(document: Any) -> bool:
    return isinstance(document, dict) and any(name.lower() == "hook" for name in document)


def _is_cells(document: Any) -> bool:
    return isinstance(document, list) and all(
        isinstance(cell, dict) and "cell" in cell for cell in document
    )


def _is_state(document: Any) -> bool:
    members = ("id", "status", "bundle", "pid")
    return isinstance(document, dict) and sum(name in document for name in members) > 1


def _is_config(document: Any) -> bool:
    members = ("ociVersion", "process", "root", "linux", "mounts", "hooks", "annotations")
    return isinstance(document, dict) and any(name in document for name in members)


def _is_annotations(document: Any) -> bool:
    return (
        isinstance(document, dict)
        and all(isinstance(text, str) for text in document.values())
        and any(name.startswith(PREFIX) for name in document)
    )


KINDS = {
    "hooks": Kind(("hooks",), _is_hooks_file),
    "state": Kind(("oci-state", "spec-state"), _is_state),
    "scheduler-status": Kind(("scheduler-status",), _has("state", "scheduler")),
    "validation": Kind(("validation",), _has("kind", "findings")),
    "cells": Kind(("cells",), _is_cells),
    "config": Kind(("oci-config", "spec-config"), _is_config),
    "annotations": Kind(("annotations",), _is_annotations),
}
"""By the names that ``--kind`` takes; the first that fits is it."""


def kind_of(document: Any) -> str | None:
    """Return the kind of a parsed document, or None."""
    return next((name for name, kind in KINDS.items() if kind.fits(document)), None)
