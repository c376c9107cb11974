# SPDX-License-Identifier: Apache-2.0
"""A state as a hook of ours gets it: what is right, and yet leads nowhere."""

from collections.abc import Iterator
from typing import Any

from ocihook.validate.finding import WARNING, Finding, member


def check(document: Any) -> Iterator[Finding]:
    """Yield what is wrong with a state that a schema cannot say."""
    if member(document, str, "bundle") == "/":
        yield Finding(
            "/bundle", WARNING, "is no bundle; the hook looks for crun's copy of config.json",
            "crun 1.27 to 1.29.1 with podman and a user namespace (crun issue 2025), and every crun"
            " for startContainer",
        )  # fmt: skip
    status = member(document, str, "status")
    pid = member(document, int, "pid")
    if status in ("creating", "created", "running") and (pid is None or pid <= 0):
        yield Finding(
            "/pid", WARNING, f"{status}, and no process: createRuntime needs one",
            "crun and youki, for createContainer",
        )  # fmt: skip
