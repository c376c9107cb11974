# SPDX-License-Identifier: Apache-2.0
"""Members whose names differ from known ones by their case alone.

Go's decoder of JSON takes them (encoding/json, Unmarshal: "preferring exact matches but also
accepting case-insensitive matches"): runc does, and the engines for hooks.d. crun and youki leave
them out, without a word. Keys of maps, like annotations, are text and have no known names.
"""

from collections.abc import Iterator
from typing import Any

from ocihook import schema
from ocihook.validate.finding import Finding, warning


def check(document: Any, names: tuple[str, ...], said: str) -> Iterator[Finding]:
    """Yield a warning for each such member of a document.

    Args:
        names: the schemas that know its members.
        said: what becomes of such a member; ``{}`` stands for the name that is meant.
    """
    schemas = [schema.load(name) for name in names]
    yield from _check(document, [(each, each) for each in schemas], said, ())


def as_go_finds_them(document: Any, name: str) -> Any:
    """Return the document with these members by the names that the schema `name` has."""
    whole = schema.load(name)
    return _renamed(document, [(whole, whole)])


Node = tuple[dict[str, Any], dict[str, Any]]
"""A part of a schema, and the whole that its references are about."""


def _check(
    value: Any, nodes: list[Node], said: str, path: tuple[str | int, ...]
) -> Iterator[Finding]:
    if not nodes:
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            meant = _meant(key, nodes)
            if meant != key:
                yield warning(said.format(meant), *path, key)
            yield from _check(inner, _below(nodes, meant), said, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _check(inner, _items(nodes), said, (*path, index))


def _renamed(value: Any, nodes: list[Node]) -> Any:
    if not nodes:
        return value
    if isinstance(value, dict):
        meant = {key: _meant(key, nodes) for key in value}
        return {meant[key]: _renamed(value[key], _below(nodes, meant[key])) for key in value}
    if isinstance(value, list):
        return [_renamed(inner, _items(nodes)) for inner in value]
    return value


def _meant(key: str, nodes: list[Node]) -> str:
    known = [name for node, _ in nodes for name in node.get("properties", ())]
    is_map = any(isinstance(node.get("additionalProperties"), dict) for node, _ in nodes)
    if is_map or key in known:
        return key
    return next((name for name in known if name.lower() == key.lower()), key)


def _below(nodes: list[Node], key: str) -> list[Node]:
    inner = [
        (node.get("properties", {}).get(key, node.get("additionalProperties")), whole)
        for node, whole in nodes
    ]
    return [_resolved(node, whole) for node, whole in inner if isinstance(node, dict)]


def _items(nodes: list[Node]) -> list[Node]:
    return [
        _resolved(node["items"], whole)
        for node, whole in nodes
        if isinstance(node.get("items"), dict)
    ]


def _resolved(node: dict[str, Any], whole: dict[str, Any]) -> Node:
    target = node.get("$ref", "")
    if target.startswith("#/$defs/"):
        return whole["$defs"][target.removeprefix("#/$defs/")], whole
    return node, whole
