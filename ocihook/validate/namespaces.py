# SPDX-License-Identifier: Apache-2.0
"""``linux.namespaces``: each type once, and those that are to be joined exist."""

import os
from collections.abc import Iterator
from typing import Any

from ocihook.validate.finding import Finding, error, items, member, warning

_PATH = ("linux", "namespaces")


def check(document: Any) -> Iterator[Finding]:
    """Yield what is wrong with the namespaces of a config.json."""
    seen = set()
    for index, namespace in items(document, *_PATH):
        kind = member(namespace, str, "type")
        path = member(namespace, str, "path")
        if kind in seen:
            yield error(f"a second namespace of type {kind}; runtimes refuse it", *_PATH, index)
        seen.add(kind)
        if kind == "cgroup" and path:
            yield warning(
                "another container's cgroup namespace: the cell is that of the cgroup where the"
                " process is",
                *_PATH,
                index,
            )
        if path and path.startswith("/") and "\0" not in path and not os.path.exists(path):
            yield warning(f"{path[:64]!a} does not exist here", *_PATH, index, "path")
        if kind == "user" and not path and not items(document, "linux", "uidMappings"):
            yield error("a new user namespace, and no linux.uidMappings", *_PATH, index)
    if member(document, dict, "linux") is not None and "cgroup" not in seen:
        yield warning(
            "no cgroup namespace: the cell is that of the cgroup where the process is", "linux"
        )
