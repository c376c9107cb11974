# SPDX-License-Identifier: Apache-2.0
"""``linux.namespaces``: each type once, and those that are to be joined exist."""

import os
from collections.abc import Iterator
from typing import Any

from ocihook.validate.finding import Finding, error, items, member, warning

_PATH = ("linux", "namespaces")

_FILES = {
    "cgroup": "cgroup", "ipc": "ipc", "mount": "mnt", "network": "net", "pid": "pid",
    "time": "time", "user": "user", "uts": "uts",
}  # fmt: skip
"""What procfs calls each type (namespaces(7))."""


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
        if path == "":
            yield error("is empty: crun takes it for a path, runc for none", *_PATH, index, "path")
        found = _kind_at(path or "")
        if path and found and kind in _FILES and found != _FILES[kind]:
            yield error(f"{path[:64]!a} is a namespace of {found}", *_PATH, index, "path")
        if kind == "time" and not path:
            yield error("runc 1.1 does not start it; runc 1.2, and crun, do", *_PATH, index)
        if kind == "user" and not path and not items(document, "linux", "uidMappings"):
            yield error("a new user namespace, and no linux.uidMappings", *_PATH, index)
    yield from _needed(document, seen)
    if member(document, dict, "linux") is not None and "cgroup" not in seen:
        yield warning(
            "no cgroup namespace: the cell is that of the cgroup where the process is", "linux"
        )


def _needed(document: Any, seen: set[str | None]) -> Iterator[Finding]:
    """Yield members that do nothing good without a namespace: runtimes refuse them."""
    for name in ("hostname", "domainname"):
        if member(document, str, name) and "uts" not in seen:
            yield error("needs a namespace of type uts", name)
    if member(document, dict, "linux", "timeOffsets") and "time" not in seen:
        yield error(
            "needs a namespace of type time: crun does not start it", "linux", "timeOffsets"
        )
    for name in member(document, dict, "linux", "sysctl") or {}:
        needed = _sysctl(name.replace("/", "."))
        if needed is None:
            yield error("is of no namespace: runtimes refuse it", "linux", "sysctl", name)
        elif needed not in seen:
            yield error(f"needs a namespace of type {needed}", "linux", "sysctl", name)


def _sysctl(name: str) -> str | None:
    """Return the namespace that a setting is of (runc, configs/validate; crun, validate_sysctl)."""
    if name.startswith("net."):
        return "network"
    if name.startswith(("fs.mqueue.", "kernel.msg", "kernel.sem", "kernel.shm")):
        return "ipc"
    return "uts" if name in ("kernel.domainname", "kernel.hostname") else None


def _kind_at(path: str) -> str | None:
    """Return the kind of a namespace that procfs has at a path; None where it is something else."""
    try:
        kind, bracket, _ = os.readlink(path).partition(":[")
    except (OSError, ValueError):
        return None
    return kind if bracket else None
