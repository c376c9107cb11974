# SPDX-License-Identifier: Apache-2.0
"""What runtimes ask of a config.json before they start a process, though the schema does not.

The runtime-spec leaves most members out; no runtime of Debian's starts without these. Seen with
runc 1.1.15 and 1.3.6, crun 1.21 and 1.28.
"""

import os
from collections.abc import Iterator
from typing import Any

from ocihook.validate.finding import Finding, error, items, member, warning

_PROCESS = ("process",)

SELINUX = "/sys/fs/selinux/enforce"
"""There while SELinux is enabled and selinuxfs is mounted."""

RLIMITS = frozenset(
    f"RLIMIT_{name}"
    for name in (
        "AS", "CORE", "CPU", "DATA", "FSIZE", "LOCKS", "MEMLOCK", "MSGQUEUE", "NICE", "NOFILE",
        "NPROC", "RSS", "RTPRIO", "RTTIME", "SIGPENDING", "STACK",
    )
)  # fmt: skip
"""Of Linux (getrlimit(2))."""


def check(document: Any, directory: str) -> Iterator[Finding]:
    """Yield what keeps every runtime, or one of them, from starting the process.

    `directory` is where the document lies: the root's path begins there.
    """
    yield from _missing(document)
    root = member(document, str, "root", "path")
    if root and "\0" not in root and not os.path.isdir(os.path.join(directory, root)):
        yield warning(f"{root[:64]!a} is no directory here", "root", "path")
    yield from _labels(document)
    for name in ("args", "env"):
        for index, text in enumerate(member(document, list, "process", name) or []):
            if isinstance(text, str) and "\0" in text:
                yield error("a NUL: runc does not start it", *_PROCESS, name, index)
    for index, text in enumerate(member(document, list, "process", "env") or []):
        if isinstance(text, str) and "=" not in text:
            yield error("without a '=': runc does not start it, crun does", *_PROCESS, "env", index)
    for index, limit in items(document, "process", "rlimits"):
        place = (*_PROCESS, "rlimits", index)
        kind = member(limit, str, "type")
        soft, hard = member(limit, int, "soft"), member(limit, int, "hard")
        if kind is not None and kind.startswith("RLIMIT_") and kind not in RLIMITS:
            yield error(f"{kind[:64]!a}: no limit of Linux", *place, "type")
        if soft is not None and hard is not None and soft > hard:
            yield error(f"{soft} is more than the hard limit of {hard}", *place, "soft")


def _labels(document: Any) -> Iterator[Finding]:
    if os.path.exists(SELINUX):
        return
    if member(document, str, "process", "selinuxLabel"):
        yield error(
            "SELinux is not enabled here: runc and crun do not start it", *_PROCESS, "selinuxLabel"
        )
    if member(document, str, "linux", "mountLabel"):
        yield error("SELinux is not enabled here: runc does not start it", "linux", "mountLabel")


def _missing(document: Any) -> Iterator[Finding]:
    if member(document, dict, "process") is None:
        yield error("'process' is missing: runc and crun start no container without it")
    elif member(document, list, "process", "args") is None:
        yield error("'args' is missing: runc and crun start no container without it", *_PROCESS)
    if member(document, dict, "root") is None:
        yield error("'root' is missing: runc and crun start no container without it")
    if member(document, list, "mounts") is None:
        yield error("'mounts' is missing: crun does not start it, and runc needs /proc there")
    if member(document, dict, "linux") is None:
        yield error("'linux' is missing: crun does not start it, runc does")
