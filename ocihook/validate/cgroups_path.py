# SPDX-License-Identifier: Apache-2.0
"""``linux.cgroupsPath`` in the forms of both cgroup drivers.

cgroupfs: a path, absolute from the root of the hierarchy. systemd: "slice:prefix:name" (runc,
libcontainer/specconv; crun, cgroup-systemd.c). Which one is meant only the runtime knows, from
``--systemd-cgroup``; a document says it by its form.
"""

from collections.abc import Iterator
from typing import Any

from ocihook.validate.finding import Finding, error, member, warning

_PATH = ("linux", "cgroupsPath")


def check(document: Any) -> Iterator[Finding]:
    """Yield what is wrong with the path of a config.json."""
    text = member(document, str, *_PATH)
    if text is None:
        return  # the runtime chooses one
    if not text.strip():
        yield error("is blank: leave the member out if the runtime is to choose", *_PATH)
    elif "\n" in text:
        yield error("a newline, which no cgroup may have in its name", *_PATH)
    elif text.startswith("/"):
        yield from _absolute(text)
    elif ":" in text:
        yield from _systemd(text)
    elif ".." in text.split("/"):
        yield error("goes upwards, which runtimes remove or refuse", *_PATH)
    else:
        yield warning(
            "is relative: runc puts it beside its own cgroup, crun below the root", *_PATH
        )


def _absolute(text: str) -> Iterator[Finding]:
    parts = [part for part in text.split("/") if part not in ("", ".")]
    depth = lowest = 0
    for part in parts:
        depth += -1 if part == ".." else 1
        lowest = min(lowest, depth)
    if lowest < 0:
        yield error("goes upwards, which runtimes remove or refuse", *_PATH)
    elif ".." in parts and depth:
        yield warning("goes upwards, which runtimes remove", *_PATH)
    elif not depth:
        yield error("is the root of the hierarchy, which is no container's", *_PATH)


def _systemd(text: str) -> Iterator[Finding]:
    slice_name, *rest = text.split(":")
    if len(rest) == 1:
        yield warning("slice:name: runc demands slice:prefix:name, crun and youki do not", *_PATH)
    elif len(rest) > 2:
        yield error("is neither a path nor slice:prefix:name", *_PATH)
    if not rest[-1]:
        yield error("slice:prefix:name without a name", *_PATH)
    if "/" in rest[-1]:
        yield warning("a name with a / in it: a cgroup below to youki, an error to others", *_PATH)
    if slice_name and not _is_slice(slice_name):
        yield error(f"{slice_name[:64]!a} is no name of a slice: a-b.slice is in a.slice", *_PATH)


def _is_slice(name: str) -> bool:
    """Tell whether systemd can expand the name into the slices above (runc, ExpandSlice)."""
    stem = name.removesuffix(".slice")
    if stem == name or "/" in name:
        return False
    return stem == "-" or all(stem.split("-"))
