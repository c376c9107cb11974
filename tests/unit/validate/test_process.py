# SPDX-License-Identifier: Apache-2.0
"""Labels of security modules; test_report_config.py has the rest."""

from pathlib import Path
from typing import Any

import pytest

from ocihook.validate import process

LABELS: dict[str, Any] = {
    "process": {"args": ["true"], "apparmorProfile": "x", "selinuxLabel": "x"},
    "root": {"path": "/"},
    "mounts": [],
    "linux": {"mountLabel": "x"},
}


@pytest.mark.parametrize(("apparmor", "refused"), [(None, True), ("N\n", True), ("Y\n", False)])
@pytest.mark.parametrize("selinux", [False, True])
def test_labels_of_what_is_not_enabled(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    apparmor: str | None,
    refused: bool,
    selinux: bool,
) -> None:
    enabled, enforce = tmp_path / "enabled", tmp_path / "enforce"
    if apparmor is not None:
        enabled.write_text(apparmor)
    if selinux:
        enforce.write_text("0")
    monkeypatch.setattr(process, "APPARMOR", str(enabled))
    monkeypatch.setattr(process, "SELINUX", str(enforce))
    found = {each.pointer: each.message for each in process.check(LABELS, "/")}
    assert ("/process/apparmorProfile" in found) == refused
    assert ("/process/selinuxLabel" in found) == ("/linux/mountLabel" in found) == (not selinux)
    assert len(found) == refused + 2 * (not selinux)
