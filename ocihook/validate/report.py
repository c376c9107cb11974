# SPDX-License-Identifier: Apache-2.0
"""Read a document and say all that is wrong with it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ocihook import schema
from ocihook.errors import BundleError, InputError
from ocihook.hook import bundle
from ocihook.hook.bundle import MAX_CONFIG_BYTES
from ocihook.hook.fields import Fields
from ocihook.hook.json import MAX_DEPTH, is_deep, parse_object
from ocihook.validate import (
    cgroups_path,
    cpu,
    hooks,
    known,
    machine,
    names,
    namespaces,
    process,
    resources,
    scheduler,
    state,
    twice,
    unified,
)
from ocihook.validate.finding import ERROR, Finding, error, member
from ocihook.validate.kinds import KINDS, kind_of

_BY_ENGINES = "engines take it for {!r}"
_BY_RUNTIMES = "runc takes it for {!r}; crun and youki leave it out without a word"


def validate(path: Path, kind: str | None = None) -> dict[str, Any]:
    """Return what is wrong with a bundle or a file, as schemas/validation.schema.json has it.

    `kind` is a key of ``KINDS``; without it the content decides.

    Raises:
        InputError: when the file cannot be read.
    """
    file = path / "config.json" if path.is_dir() else path
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_CONFIG_BYTES + 1)
    except OSError as problem:
        why = (problem.strerror or "unreadable").lower()
        raise InputError(f"{file}: {why}", "name a bundle's directory, or a JSON file") from None
    if path.is_dir():
        kind = kind or "config"
    kind, findings = _judge(data, kind, str(file.parent))
    return {
        "file": str(file),
        "kind": kind,
        "errors": sum(finding.severity == ERROR for finding in findings),
        "warnings": sum(finding.severity != ERROR for finding in findings),
        "findings": [finding._asdict() for finding in findings],
    }


def _judge(data: bytes, kind: str | None, directory: str) -> tuple[str | None, list[Finding]]:
    if len(data) > MAX_CONFIG_BYTES:
        # Of a state, too (MAX_STATE_BYTES of ocihook/hook/state.py).
        return kind, [error(f"more than {MAX_CONFIG_BYTES} bytes, which is all that is read")]
    try:
        document = _parse(data)
    except InputError as problem:
        return kind, [error(str(problem))]
    kind = kind or kind_of(document)
    if kind is None:
        return None, [error(f"no kind of document that is known: {', '.join(KINDS)}")]
    return kind, [*findings(kind, document, directory), *twice.check(data, kind)]


def findings(kind: str, document: Any, directory: str = "/") -> list[Finding]:
    """Return what is wrong with a parsed document of a kind, those of one member together.

    `directory` is where a config.json lies: relative paths begin there.
    """
    found: dict[str, list[Finding]] = {}
    if kind == "hooks":
        _add(found, list(names.check(document, ("hooks",), _BY_ENGINES)))
        document = names.as_go_finds_them(document, "hooks")
    for name in KINDS[kind].schemas:
        _add(found, _of_schema(kind, name, document))
    if kind in ("state", "config"):
        ours = member(document, dict, "annotations") or {}
        _add(found, _of_schema(kind, "annotations", ours, "/annotations"))
    for finding in _beyond_schemas(kind, document, directory):
        found.setdefault(finding.pointer, []).append(finding)
    return [finding for pointer in found for finding in found[pointer]]


def _add(found: dict[str, list[Finding]], more: list[Finding]) -> None:
    """Add what a schema says of members that none before it has objected to."""
    new = [one for one in more if one.pointer not in found or one.message.endswith(" is missing")]
    for finding in new:
        if finding not in found.get(finding.pointer, ()):
            found.setdefault(finding.pointer, []).append(finding)


def _of_schema(kind: str, name: str, document: Any, below: str = "") -> list[Finding]:
    found: list[Finding] = []
    if name.startswith("spec-"):
        document, found = known.without_nulls(document)
    for pointer, message in schema.findings(name, document):
        finding = Finding(below + pointer, ERROR, message)
        # What the hook refuses is no matter of taste.
        hooks_own = name.startswith("oci-") or name == "annotations"
        found.append(finding if hooks_own else known.downgraded(kind, finding, document))
    return found


def _beyond_schemas(kind: str, document: Any, directory: str) -> Iterator[Finding]:
    if not isinstance(document, dict):
        return
    if kind == "state":
        yield from state.check(document)
    elif kind == "hooks":
        yield from hooks.check_hooks_file(document)
    elif kind == "config":
        yield from hooks.check_config(document, directory)
        yield from process.check(document, directory)
        yield from namespaces.check(document)
        yield from cgroups_path.check(document)
        yield from scheduler.check(document)
        yield from resources.check(document)
        yield from names.check(document, KINDS["config"].schemas, _BY_RUNTIMES)
        try:
            read = bundle.Bundle(Fields(document, "", BundleError))
        except BundleError:
            return  # what the schema has found; numbers can be compared when all are numbers
        yield from cpu.check(document, read, machine.read())
        yield from unified.check(document, read)


def _parse(data: bytes) -> Any:
    """Parse as the hook does; lists are the output of ``ocihook cells --json``, and ours."""
    if data.lstrip()[:1] == b"[":
        if is_deep(data):
            raise InputError(f"file: nested more than {MAX_DEPTH} deep")
        try:
            return json.loads(data)
        except ValueError as problem:
            raise InputError(f"not JSON: {problem}") from None
    return parse_object(data, "file", InputError)
