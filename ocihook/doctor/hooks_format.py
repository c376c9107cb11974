# SPDX-License-Identifier: Apache-2.0
"""What engines have against a hooks.d file: a broken one keeps every container from starting.

By containers/common pkg/hooks (read.go, 0.1.0/hook.go, 1.1.0/hook.go and when.go), not by our own
schema, which asks for more. What only some engines refuse is in ``hooks_engines``. Pure.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ocihook import go_pattern
from ocihook.doctor.go_json import folded, given, pairs
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


def judge(document: Any) -> tuple[str, str]:
    """Return the fault of a document, empty where it has none, and the program that it names.

    The program is empty, too, where the fault is found before engines look for it: a value of the
    wrong type. Whether it is there they ask before they look at patterns and stages.
    """
    if not isinstance(document, dict):
        return "no JSON object", ""
    members = folded(document)
    version = members.get("version", "")
    if version in LEGACY:
        return _legacy(document)
    if version not in CURRENT:
        return f"version {version!r} is unknown", ""
    for name, value in given(document):
        if name in ("hook", "when") and not isinstance(value, dict):
            return f"{name} is no object", ""
    hook, when = members.get("hook", {}), members.get("when", {})
    # annotationsOr is unknown in 1.0.0, and left out.
    kinds = _WHEN if version != "1.0.0" else _WHEN_1_0_0
    fault = (
        _mistyped(hook, "hook.", _HOOK)
        or _mistyped(when, "when.", kinds)
        or _mistyped(document, "", _BOTH)
    )
    if fault:
        return fault, ""
    program = folded(hook).get("path", "")
    if not program:
        return "hook.path is missing", ""
    conditions = {name: value for name, value in folded(when).items() if name in kinds}
    return _patterns(conditions) or _stages(members), program


def _legacy(document: dict[str, Any]) -> tuple[str, str]:
    if fault := _mistyped(document, "", _LEGACY):
        return fault, ""
    members = folded(document)
    program = members.get("hook", "")
    if not program:
        return "hook is missing", ""
    for one, several in (("stage", "stages"), ("cmd", "cmds"), ("annotation", "annotations")):
        if one in members and several in members:
            return f"both {one} and {several} are there", ""
    stages = {"stages": members.get("stages", members.get("stage"))}
    annotations = members.get("annotations", members.get("annotation", []))
    when = {
        "commands": members.get("cmds", members.get("cmd", [])),
        "annotations": dict.fromkeys(annotations, ""),
    }
    return _patterns(when) or _stages(stages), program


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


def _stages(members: dict[str, Any]) -> str:
    stages = members.get("stages")
    if stages is None:
        return "stages are missing"
    unknown = [stage for stage in stages if stage not in STAGES]
    return f"stage {unknown[0]!r} is unknown" if unknown else ""


def _mistyped(members: dict[str, Any], where: str, kinds: Kinds) -> str:
    """Return the first member that is of the wrong kind, those that others replace included."""
    for name, value in given(members):
        is_right, kind = kinds.get(name, (_anything, ""))
        if not is_right(value):
            return f"{where}{name} is no {kind}"
    return ""


def _anything(_value: Any) -> bool:
    return True


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _number(value: Any) -> bool:
    return type(value) is int and -(1 << 63) <= value < 1 << 63


def _switch(value: Any) -> bool:
    return isinstance(value, bool)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(each is None or _text(each) for each in value)


def _text_by_name(value: Any) -> bool:
    return isinstance(value, dict) and _texts([text for _, text in pairs(value)])


_LIST = (_texts, "list of strings")
_HOOK: Kinds = {
    "path": (_text, "string"),
    "args": _LIST,
    "env": _LIST,
    "timeout": (_number, "integer of 64 bits"),
}
_WHEN: Kinds = {
    "always": (_switch, "boolean"),
    "annotations": (_text_by_name, "object of strings"),
    "annotationsor": (_text_by_name, "object of strings"),
    "commands": _LIST,
    "hasbindmounts": (_switch, "boolean"),
}
_WHEN_1_0_0: Kinds = {name: kind for name, kind in _WHEN.items() if name != "annotationsor"}
_BOTH: Kinds = {"version": (_text, "string"), "stages": _LIST}
_LEGACY: Kinds = {
    "version": (_text, "string"),
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
