# SPDX-License-Identifier: Apache-2.0
"""Findings in a state: where, how bad, in which words."""

from typing import Any

import pytest

from ocihook.validate.report import findings

STATE: dict[str, Any] = {
    "ociVersion": "1.2.0", "id": "c1", "status": "running", "pid": 7, "bundle": "/b",
}  # fmt: skip
ISSUE_2025 = "crun 1.27 to 1.29.1 with podman"


@pytest.mark.parametrize(
    ("change", "pointer", "severity", "message", "emitter"),
    [
        ({"status": "starting"}, "/status", "warning", "is none of creating", "crun, for start"),
        ({"status": "paused"}, "/status", "warning", "is none of creating", "runc state"),
        ({"status": "tired"}, "/status", "warning", "'tired' is none of creating", "prose"),
        ({"status": None}, "/status", "error", "null is not of type string", None),
        ({"ociVersion": "v1.0.2"}, "/ociVersion", "warning", "does not fit", "youki"),
        ({"bundle": "/"}, "/bundle", "warning", "is no bundle", ISSUE_2025),
        ({"pid": 0}, "/pid", "warning", "running, and no process", "crun and youki"),
        ({"pid": -1}, "/pid", "error", "-1 is less than 0", None),
        ({"annotations": None}, "/annotations", "warning", "null stands for", "not written in Go"),
        ({"id": None}, "/id", "error", "null is not of type string", None),
        ({"id": "a/b"}, "/id", "error", "'a/b' does not fit: A directory name", None),
        ({"annotations": {"org.ocihook/lend": "no"}}, "/annotations/org.ocihook~1lend", "error",
         "'no' is none of true, false", None),
    ],
)  # fmt: skip
def test_state(
    change: dict[str, Any], pointer: str, severity: str, message: str, emitter: str | None
) -> None:
    found = findings("state", {**STATE, **change})
    first = next(one for one in found if one.pointer == pointer)
    assert (first.severity, message in first.message) == (severity, True)
    assert (emitter is None) == (first.emitter is None)
    assert (emitter or "") in (first.emitter or "")
