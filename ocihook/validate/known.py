# SPDX-License-Identifier: Apache-2.0
"""What real programs write against the specification, and everybody takes.

Each line is a pattern of JSON pointers (``*`` is one part), which values it is about, and who
writes them. Such a finding is a warning that names the program; the first line that fits counts.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from ocihook.schema_words import pointer_of
from ocihook.validate.finding import WARNING, Finding


class _Deviation(NamedTuple):
    kind: str
    pointer: str
    holds: Callable[[Any], bool]
    emitter: str


def _is(*values: object) -> Callable[[Any], bool]:
    return lambda value: value in values


def _has_other_bits(value: Any) -> bool:
    return type(value) is int and 0o777 < value <= 0o177777


def _begins_with_v(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("v1.")


_DEVIATIONS = (
    _Deviation("state", "/status", _is("starting"), "crun, for startContainer"),
    _Deviation("state", "/ociVersion", _begins_with_v, "youki"),
    _Deviation("state", "/status", _is("paused"), "runc state, crun state, podman"),
    _Deviation(
        "state", "/status", lambda value: isinstance(value, str),
        "runtimes that define statuses of their own, as the specification's prose lets them",
    ),
    _Deviation(
        "config", "/linux/rootfsPropagation",
        _is("rslave", "rshared", "rprivate", "runbindable", ""),
        "containerd's CRI and nerdctl (runtime-spec issue 923)",
    ),
    _Deviation(
        "config", "/annotations", lambda value: isinstance(value, dict) and "" in value,
        "programs that name nothing; runc and crun take an empty name",
    ),
    _Deviation(
        "config", "/hooks/*/*/env/*", lambda value: value is None or isinstance(value, str),
        "programs that mean an empty variable; runc and crun take it",
    ),
    _Deviation(
        "config", "/linux/devices/*/fileMode", _has_other_bits,
        "containerd before 1.5, with the file's type or setuid bits in it (pull request 5028)",
    ),
)  # fmt: skip

_NULLS = "programs that are not written in Go; runc and crun take null as a missing member"
_ENGINES = "hook files for other consumers; containers/common skips what it does not know"


def downgraded(kind: str, finding: Finding, document: Any) -> Finding:
    """Return the finding as a warning if what it is about is known to be written; else as it is."""
    value = _at(document, finding.pointer)
    for deviation in _DEVIATIONS:
        if (
            deviation.kind == kind
            and _fits(finding.pointer, deviation.pointer)
            and deviation.holds(value)
        ):
            return finding._replace(severity=WARNING, emitter=deviation.emitter)
    if kind == "hooks" and finding.message == "unknown member":
        return finding._replace(severity=WARNING, emitter=_ENGINES)
    return finding


def without_nulls(document: Any, *path: str | int) -> tuple[Any, list[Finding]]:
    """Return a copy without the members that are null, and a warning for each of them."""
    found = []
    if isinstance(document, dict):
        kept = {}
        for name, value in document.items():
            if value is None:
                pointer = pointer_of((*path, name))
                found.append(Finding(pointer, WARNING, "null stands for a missing member", _NULLS))
                continue
            kept[name], below = without_nulls(value, *path, name)
            found += below
        return kept, found
    if isinstance(document, list):
        copies = []
        for index, item in enumerate(document):
            copy, below = without_nulls(item, *path, index)
            copies.append(copy)
            found += below
        return copies, found
    return document, found


def _fits(pointer: str, pattern: str) -> bool:
    parts, wanted = pointer.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(
        want in ("*", part) for part, want in zip(parts, wanted, strict=True)
    )


def _at(document: Any, pointer: str) -> Any:
    value = document
    for part in pointer.split("/")[1:]:
        if isinstance(value, list):
            value = value[int(part)]
        else:
            value = value[part.replace("~1", "/").replace("~0", "~")]
    return value
