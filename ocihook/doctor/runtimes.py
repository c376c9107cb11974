# SPDX-License-Identifier: Apache-2.0
"""Which runtimes and engines there are, of which version, and what those are known for."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ocihook.doctor.finding import Finding, Topic
from ocihook.doctor.host import Host, reason
from ocihook.doctor.quirks import Version, known

TOPIC = Topic("runtimes")

PROGRAMS = ("runc", "crun", "youki", "podman", "crio", "containerd", "dockerd")

USUAL_PLACES = (
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
    "/usr/libexec/crio",
    "/usr/lib/cri-o-runc/sbin",
    "/opt/podman/bin",
    "/usr/lib/podman",
)
"""Beside PATH, which engines do not go by: CRI-O's packages bring a runtime of their own."""

_VERSION = re.compile(r"(?<![\w.])v?(\d{1,9})\.(\d{1,9})(?:\.(\d{1,9}))?(?!\d)")
"""Of nine digits at most, since what follows the word may be anything."""


_OTHERS = re.compile(r"\b(?:commit|spec|go|libseccomp):")


class Installed(NamedTuple):
    """A program that was found. ``version`` is None where its answer has none."""

    program: str
    path: str
    version: Version | None
    answer: str


def find(host: Host) -> list[Installed]:
    """Return every runtime and engine on PATH and in the usual places, and ask its version.

    The same file under two names or directories is one.
    """
    found = []
    for program in PROGRAMS:
        seen = set()
        for directory in (*host.environ.get("PATH", "").split(":"), *USUAL_PLACES):
            if not directory.startswith("/"):
                continue
            path = host.path(directory) / program
            if os.access(path, os.X_OK) and path.is_file() and path.resolve() not in seen:
                seen.add(path.resolve())
                found.append(_ask(host, program, path))
    return found


def _ask(host: Host, program: str, path: Path) -> Installed:
    try:
        answer = host.answer(path)
    except OSError as error:
        return Installed(program, host.shown(path), None, reason(error))
    return Installed(program, host.shown(path), version_in(answer), first_line(answer))


def version_in(answer: str) -> Version | None:
    """Return the first thing that looks like a version in the first line of an answer.

    The lines below that name other things: the specification, Go, libraries, a commit. What follows
    the version (``+ds1``, ``-rc.1+dev``) does not count. An old runc that was built without a
    version goes on in that line: "runc version spec: 1.0.2".
    """
    found = _VERSION.search(_OTHERS.split(first_line(answer))[0])
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


def first_line(answer: str) -> str:
    """Return the first line of an answer that says something, or that it says nothing."""
    return next((line.strip() for line in answer.split("\n") if line.strip()), "says nothing")


def check(installed: list[Installed]) -> Iterator[Finding]:
    """Report what was found, and what it is known for."""
    if not installed:
        yield TOPIC.note(
            "found",
            f"none of {', '.join(PROGRAMS)} on PATH or in the usual places",
            "install podman, or runc or crun",
        )
    for each in installed:
        name = Path(each.path).name
        if each.version is None:
            yield TOPIC.note(name, f"{each.path} --version: {each.answer}; version unknown")
            continue
        yield TOPIC.ok(name, f"{each.path}: {'.'.join(map(str, each.version))}")
        for quirk in known(each.program, each.version):
            report = TOPIC.warning if quirk.harm else TOPIC.note
            source = f" ({quirk.reported})" if quirk.reported else ""
            yield report(name, f"{each.path}: {quirk.text}{source}", quirk.mend)
