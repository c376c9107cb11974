# SPDX-License-Identifier: Apache-2.0
"""Labels of SELinux; test_report_config.py has the rest."""

from pathlib import Path
from typing import Any

import pytest

from ocihook.validate import process

LABELS: dict[str, Any] = {
    "process": {"args": ["true"], "selinuxLabel": "x"},
    "root": {"path": "/"},
    "mounts": [],
    "linux": {"mountLabel": "x"},
}


def test_labels_where_selinux_is_not_enabled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enforce = tmp_path / "enforce"
    monkeypatch.setattr(process, "SELINUX", str(enforce))
    found = [each.pointer for each in process.check(LABELS, "/")]
    assert found == ["/process/selinuxLabel", "/linux/mountLabel"]
    enforce.write_text("0")
    assert list(process.check(LABELS, "/")) == []
