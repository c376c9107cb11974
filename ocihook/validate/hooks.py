# SPDX-License-Identifier: Apache-2.0
"""Programs that hooks name: in ``hooks`` of a config.json, and in a file of hooks.d."""

import os
from collections.abc import Iterator
from typing import Any

from ocihook import nspawn
from ocihook.validate.finding import Finding, error, items, member, warning

_STAGES = (
    "prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop",
)  # fmt: skip

_TIMEOUT_MAX_S = (1 << 31) - 1
"""An int of C, in which crun reads it."""

_FOLDED = {stage.lower() for stage in _STAGES}
"""``names`` has those of another case."""


def check_config(document: Any, directory: str) -> Iterator[Finding]:
    """Yield what is wrong with the hooks of a config.json, which lies in `directory`."""
    for stage in _STAGES:
        for index, hook in items(document, "hooks", stage):
            path = member(hook, str, "path")
            at = ("hooks", stage, index)
            place = (*at, "path")
            if (member(hook, int, "timeout") or 0) > _TIMEOUT_MAX_S:
                yield error("has more than 31 bits: crun does not start it", *at, "timeout")
            if path is None or not path.startswith("/"):
                continue  # the schema has said so
            if stage == "startContainer":
                # Its path is one of the container's (runtime-spec, config.md, Hooks).
                root = member(document, str, "root", "path") or "rootfs"
                inside = os.path.join(directory, root, path.lstrip("/"))
                if (problem := _problem(inside)) is not None:
                    yield warning(f"{problem} in the container's root", *place)
            elif (problem := _problem(path)) is not None:
                yield error(f"{problem} here", *place)
    for name in member(document, dict, "hooks") or {}:
        if name.lower() not in _FOLDED:
            # "MUST NOT generate an error" for what is unknown (runtime-spec, config.md).
            yield warning(
                f"no stage: what is here never runs; there are {', '.join(_STAGES)}", "hooks", name
            )
    for refused in nspawn.refused(document):
        yield warning(nspawn.REFUSAL, *refused)
    if items(document, "hooks", "prestart"):
        yield warning("prestart is deprecated: use createRuntime", "hooks", "prestart")


def check_hooks_file(document: Any) -> Iterator[Finding]:
    """Yield what is wrong with a file of hooks.d that a schema cannot say."""
    path = member(document, str, "hook", "path")
    if path and path.startswith("/") and (problem := _problem(path)) is not None:
        # containers/common, pkg/hooks/read.go.
        yield error(f"{problem} here: engines leave the hook out without a word", "hook", "path")
    when = member(document, dict, "when") or {}
    for name in ("always", "hasBindMounts"):
        if when.get(name) is False:
            # pkg/hooks/1.0.0/when.go: a condition that is false never matches.
            yield warning("false matches no container, it is not the opposite", "when", name)
    yield from _of_some_engines(document, when)


def _of_some_engines(document: Any, when: dict[str, Any]) -> Iterator[Finding]:
    """Yield what only some engines have against a file of hooks.d."""
    if document.get("version") == "1.1.0":
        yield warning(
            "is of August 2026: podman before 6, and CRI-O of before, refuse it and start no"
            " container while the file is there",
            "version",
        )
    elif "annotationsOr" in when:
        yield warning("is of version 1.1.0; before, engines skip it", "when", "annotationsOr")
    stages = member(document, list, "stages") or []
    if "precreate" in stages:
        yield warning(
            "precreate is podman's own stage: while the file is there CRI-O does not start, and"
            " `podman build` fails if it is in one of the usual directories",
            "stages",
            stages.index("precreate"),
        )


def _problem(path: str) -> str | None:
    """Say what keeps `path` from being run, or None."""
    shown = ascii(path[:64])
    if "\0" in path:
        return f"{shown} cannot exist"
    if not os.path.exists(path):
        return f"{shown} does not exist"
    if not os.path.isfile(path) or not os.access(path, os.X_OK):
        return f"{shown} is no program"
    return None
