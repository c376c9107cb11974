# SPDX-License-Identifier: Apache-2.0
"""Check documents against the JSON Schemas of ``schemas/`` (draft 2020-12).

The only importer of ``jsonschema``, 70 ms of it: for the command line and the
tests. The hook has hand-written parsers; one corpus of documents
(``tests/data``) goes through both and has to get one verdict.
"""

import json
from collections.abc import Callable, Iterator
from functools import cache, partial
from importlib.resources import files
from typing import Any, cast

from jsonschema import Draft202012Validator, FormatChecker, ValidationError, validators
from jsonschema.protocols import Validator

from ocihook import control_file, cpulist, go_pattern, kernel_cpulist, schema_words
from ocihook.errors import InputError

NAMES = (
    "annotations",
    "bundle-change",
    "cell-change",
    "cell-release",
    "cell-tree",
    "cells",
    "config",
    "config-check",
    "doctor",
    "hooks",
    "installation",
    "oci-config",
    "oci-state",
    "recording",
    "scheduler-dump",
    "scheduler-reload",
    "scheduler-start",
    "scheduler-status",
    "scheduler-stop",
    "spec-config",
    "spec-state",
    "sweep",
    "top",
    "validation",
    "version",
)
"""What there is a schema for."""


def load(name: str) -> dict[str, Any]:
    """Return the schema `name` of :data:`NAMES`."""
    text = files("ocihook").joinpath("schemas", f"{name}.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


@cache
def validator(name: str) -> Validator:
    """Return a validator for the schema `name`, with our keywords and formats."""
    schema = load(name)
    _Validator.check_schema(schema)
    checked: Validator = _Validator(schema, format_checker=_FORMATS)
    return checked


def findings(name: str, document: object) -> list[tuple[str, str]]:
    """Return all that the schema `name` has against a parsed document.

    Returns:
        pairs of a JSON pointer (RFC 6901) and a message, in document order.
    """
    errors = sorted(
        validator(name).iter_errors(cast("Any", document)), key=schema_words.in_document_order
    )
    return [place for error in errors for place in schema_words.places(error)]


def _max_bytes(
    _validator: object, limit_bytes: int, instance: object, _schema: object
) -> Iterator[ValidationError]:
    """Check ``maxBytes``: names and paths are limited in bytes, ``maxLength`` counts characters."""
    if not isinstance(instance, str):
        return
    try:
        size_bytes = len(instance.encode())
    except UnicodeEncodeError:
        yield ValidationError("is not valid Unicode")
        return
    if size_bytes > limit_bytes:
        yield ValidationError(f"is longer than {limit_bytes} bytes")


def _max_depth(
    _validator: object, limit: int, instance: object, _schema: object
) -> Iterator[ValidationError]:
    """Check ``maxDepth``: how deep arrays and objects are nested, the outermost counted."""
    if _is_deep(instance, limit):
        yield ValidationError(f"is nested more than {limit} deep")


def _is_deep(value: object, limit: int) -> bool:
    """Tell whether arrays and objects are nested more than `limit` deep; ``{}`` is 1 deep."""
    level = [value] if isinstance(value, (dict, list)) else []
    while level and limit:
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
        limit -= 1
    return bool(level)


_FORMATS = FormatChecker(formats=())


def _add_format(name: str, read: Callable[[str], object]) -> None:
    def check(instance: object) -> bool:
        if isinstance(instance, str):
            read(instance)
        return True

    _FORMATS.checks(name, raises=InputError)(check)


_add_format("regex", go_pattern.check)
_add_format("cpulist", cpulist.parse)
_add_format("kernel-cpulist", kernel_cpulist.parse)
_add_format("kernel-nodelist", partial(kernel_cpulist.parse, last=kernel_cpulist.last_node))
_add_format("cpu.weight", lambda text: text and control_file.weight(text))
_add_format("cpu.max", lambda text: text and control_file.limit(text))
_add_format("cpu.max.burst", lambda text: text and control_file.burst(text))
_add_format("cpu.idle", lambda text: text and control_file.idle(text))

_Validator = validators.extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    validators={"maxBytes": _max_bytes, "maxDepth": _max_depth},
    # 1.0 is no integer to Go, in which runtimes and engines are written.
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _checker, instance: type(instance) is int
    ),
)
