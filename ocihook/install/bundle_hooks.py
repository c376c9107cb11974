# SPDX-License-Identifier: Apache-2.0
"""Our hooks in the text of a config.json: which there are, with one more, without them. Pure.

``config`` names the file in messages. The text is a JSON object with ``ociVersion``.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ocihook.errors import BundleError
from ocihook.install import json_text
from ocihook.install.hooks import STAGES
from ocihook.install.json_text import Item

NO_BUNDLE_HINT = (
    "a bundle is a directory with config.json and the root file system; runc spec makes one"
)


def ours(text: str, config: Path) -> list[tuple[str, Any]]:
    """Return our hooks that are there, with their stages, by name.

    Raises:
        BundleError: hooks are not what the spec says, or are there twice.
    """
    return sorted(
        (
            (stage.key or "", hook.value)
            for stage, there in _lists(text, config)
            for hook in there
            if _is_ours(hook.value)
        ),
        key=lambda each: each[0],
    )


def without_ours(text: str, config: Path) -> str:
    """Return the text without our hooks, and without lists, or ``hooks``, that had nothing else.

    Raises:
        BundleError: hooks are not what the spec says, or are there twice.
    """
    while True:
        for stage, there in _lists(text, config):
            index = next((at for at, hook in enumerate(there) if _is_ours(hook.value)), None)
            if index is None:
                continue
            if len(there) > 1:
                text = json_text.without(text, there, index)
            else:
                text = _without_stage(text, stage.key or "")
            break
        else:
            return text


def demand_names(text: str, config: Path) -> None:
    """Make sure that no hooks are there by a name in another case.

    runc takes ``Hooks`` for ``hooks``, crun leaves it out; beside ours, runc would drop those of
    others, since the later list of a stage replaces the earlier one.

    Raises:
        BundleError: there are such.
    """
    for item in json_text.items(text, text.index("{")):
        if item.key != "hooks" and (item.key or "").lower() == "hooks":
            raise _other_case(config, item.key, "hooks")
        for name in item.value if item.key == "hooks" and isinstance(item.value, dict) else ():
            for stage in STAGES:
                if name != stage and name.lower() == stage.lower():
                    raise _other_case(config, name, stage)


def _other_case(config: Path, name: str | None, meant: str) -> BundleError:
    return BundleError(
        f"{config}: has {name!r}: runc takes it for {meant!r}, crun and youki leave it out",
        f"name it {meant}",
    )


def with_hook(text: str, config: Path, stage: str, hook: dict[str, Any]) -> str:
    """Return the text with one more hook at a stage, behind those that are there.

    Raises:
        BundleError: the stage, or ``hooks``, is there twice.
    """
    style = json_text.style_of(text)
    top = _top(text)
    place = _member(text, top, "hooks", config)
    if place is None:
        return json_text.appended(text, top, {stage: [hook]}, style, key="hooks", depth=1)
    there = _member(text, place, stage, config)
    if there is None:
        return json_text.appended(text, place, [hook], style, key=stage, depth=2)
    return json_text.appended(text, there, hook, style, depth=3)


def _top(text: str) -> Item:
    """Return the document as an item, to be appended to."""
    start = text.index("{")
    return Item(None, start, start, len(text.rstrip()), True)


def _member(text: str, container: Item, key: str, config: Path) -> Item | None:
    there = json_text.items(text, container.value_start) if container.value else []
    found = [item for item in there if item.key == key]
    if len(found) > 1:
        raise BundleError(f"{config}: has {key!r} twice", "runtimes differ in which they take")
    return found[0] if found else None


def _lists(text: str, config: Path) -> Iterator[tuple[Item, list[Item]]]:
    """Yield each stage that config.json has hooks for, and these."""
    top = _member(text, _top(text), "hooks", config)
    if top is None or top.value is None:
        return
    if not isinstance(top.value, dict):
        raise BundleError(f"{config}: hooks: not an object", NO_BUNDLE_HINT)
    for stage in json_text.items(text, top.value_start):
        _member(text, top, stage.key or "", config)
        if stage.value is not None and not isinstance(stage.value, list):
            raise BundleError(f"{config}: hooks.{stage.key}: not an array", NO_BUNDLE_HINT)
        yield stage, json_text.items(text, stage.value_start) if stage.value else []


def _is_ours(hook: Any) -> bool:
    """Tell by argv[0], as ``hooks.is_ours`` does: the program may have been elsewhere."""
    try:
        return bool(hook["args"][0] == "ocihook-hook")
    except (LookupError, TypeError):
        return False


def _without_stage(text: str, stage: str) -> str:
    """Take a stage out; with the last one goes ``hooks``, which ``ociVersion`` stands beside."""
    top = json_text.items(text, text.index("{"))
    at = next(index for index, item in enumerate(top) if item.key == "hooks")
    stages = json_text.items(text, top[at].value_start)
    if len(stages) == 1:
        return json_text.without(text, top, at)
    index = next(index for index, item in enumerate(stages) if item.key == stage)
    return json_text.without(text, stages, index)
