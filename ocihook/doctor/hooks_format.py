# SPDX-License-Identifier: Apache-2.0
"""What engines have against a hooks.d file: a broken one keeps every container from starting.

By containers/common pkg/hooks (read.go, 0.1.0/hook.go, 1.1.0/hook.go and when.go), not by our own
schema, which asks for more. What only some engines refuse is in ``hooks_engines``. Pure.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ocihook import go_pattern
from ocihook.errors import InputError

STAGES = frozenset(
    (
        "createContainer",
        "createRuntime",
        "precreate",
        "prestart",
        "poststart",
        "poststop",
        "startContainer",
    )
)
"""Of runtime-spec config.md, and ``precreate``, which is podman's."""

LEGACY = ("", "0.1.0")
CURRENT = ("1.0.0", "1.1.0")
"""1.1.0 is of 2026: container-libs pull request 1112."""

Kinds = Mapping[str, tuple[Callable[[Any], bool], str]]
"""Of members: whether a value is of the kind, and what the kind is called."""


def parse(content: bytes) -> tuple[Any, str]:
    """Return the document of a file and no fault, or None and why it is none.

    As Go's decoder has it: UTF-8 alone, no byte order mark, no NaN.
    """
    try:
        return json.loads(content.decode(errors="replace"), parse_constant=_refuse), ""
    except (ValueError, RecursionError) as error:
        return None, f"no JSON: {error}"


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def judge(document: Any) -> tuple[str, str]:
    """Return the fault of a document, empty where it has none, and the program that it names."""
    if not isinstance(document, dict):
        return "no JSON object", ""
    members = folded(document)
    version = members.get("version", "")
    if version in LEGACY:
        return _legacy(members)
    if version not in CURRENT:
        return f"version {version!r} is unknown", ""
    for name in ("hook", "when"):
        if not isinstance(members.get(name, {}), dict):
            return f"{name} is no object", ""
    hook, when = folded(members.get("hook", {})), folded(members.get("when", {}))
    if version == "1.0.0":
        when.pop("annotationsor", None)  # unknown there, and left out
    fault = _mistyped(hook, "hook.", _HOOK) or _mistyped(when, "when.", _WHEN)
    program = hook.get("path")
    if not fault and not program:
        fault = "hook.path is missing"
    fault = fault or _patterns(when) or _stages(members)
    return fault, program if isinstance(program, str) else ""


def _legacy(members: dict[str, Any]) -> tuple[str, str]:
    fault = _mistyped(members, "", _LEGACY)
    program = members.get("hook")
    if not fault and not program:
        fault = "hook is missing"
    for one, several in (("stage", "stages"), ("cmd", "cmds"), ("annotation", "annotations")):
        if not fault and one in members and several in members:
            fault = f"both {one} and {several} are there"
    stages = {"stages": members.get("stages", members.get("stage"))}
    when = (
        {
            "commands": members.get("cmds", members.get("cmd", [])),
            "annotations": dict.fromkeys(
                members.get("annotations", members.get("annotation", [])), ""
            ),
        }
        if not fault
        else {}
    )
    return fault or _patterns(when) or _stages(stages), program if isinstance(program, str) else ""


def _patterns(when: dict[str, Any]) -> str:
    """Return what Go has against the first pattern that it does not compile."""
    for where, pattern in _places(when):
        try:
            go_pattern.check(pattern or "")
        except InputError as error:
            return f"{where}: {error.args[0]}"
    return ""


def _places(when: dict[str, Any]) -> Iterator[tuple[str, str | None]]:
    for name, shown in (("annotations", "annotations"), ("annotationsor", "annotationsOr")):
        for key, value in when.get(name, {}).items():
            yield f"a name in when.{shown}", key
            yield f"a value in when.{shown}", value
    for command in when.get("commands", []):
        yield "when.commands", command


def folded(members: dict[str, Any]) -> dict[str, Any]:
    """Return members as Go finds them: whatever the case of their names, null as if not there."""
    return {key.lower(): value for key, value in members.items() if value is not None}


def _stages(members: dict[str, Any]) -> str:
    stages = members.get("stages")
    if stages is None:
        return "stages are missing"
    if not _texts(stages):
        return "stages is no list of strings"
    unknown = [stage for stage in stages if stage not in STAGES]
    return f"stage {unknown[0]!r} is unknown" if unknown else ""


def _mistyped(members: dict[str, Any], where: str, kinds: Kinds) -> str:
    for name, (is_right, kind) in kinds.items():
        if name in members and not is_right(members[name]):
            return f"{where}{name} is no {kind}"
    return ""


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _number(value: Any) -> bool:
    return type(value) is int


def _switch(value: Any) -> bool:
    return isinstance(value, bool)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(each is None or _text(each) for each in value)


def _text_by_name(value: Any) -> bool:
    return isinstance(value, dict) and _texts(list(value.values()))


_LIST = (_texts, "list of strings")
_HOOK: Kinds = {
    "path": (_text, "string"),
    "args": _LIST,
    "env": _LIST,
    "timeout": (_number, "integer"),
}
_WHEN: Kinds = {
    "always": (_switch, "boolean"),
    "annotations": (_text_by_name, "object of strings"),
    "annotationsor": (_text_by_name, "object of strings"),
    "commands": _LIST,
    "hasbindmounts": (_switch, "boolean"),
}
_LEGACY: Kinds = {
    "hook": (_text, "string"),
    "arguments": _LIST,
    "stage": _LIST,
    "stages": _LIST,
    "cmd": _LIST,
    "cmds": _LIST,
    "annotation": _LIST,
    "annotations": _LIST,
    "hasbindmounts": (_switch, "boolean"),
}
