# SPDX-License-Identifier: Apache-2.0
"""Names that an object has more than once."""

from pathlib import Path

import pytest

from ocihook.validate.report import validate
from ocihook.validate.twice import check

CONFIG = (
    b'{"linux": {"a": 1, "b": [{"c": 1, "c": 2}], "a": 2}, "annotations": {"a": "a", "b": "a"}}'
)


def test_each_is_a_warning() -> None:
    assert [(each.pointer, each.severity, each.message) for each in check(CONFIG, "config")] == [
        ("/linux/a", "warning", "is there twice: runc puts both together, crun takes the first"),
        (
            "/linux/b/0/c",
            "warning",
            "is there twice: runc puts both together, crun takes the first",
        ),
    ]


@pytest.mark.parametrize("kind", ["state", "cells", "annotations"])
def test_no_other_program_reads_it(kind: str) -> None:
    assert list(check(CONFIG, kind)) == []


def test_a_hooks_file(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text(
        '{"version": "1.0.0", "hook": {"path": "/bin/sh"}, "stages": ["poststop"],'
        ' "when": {"commands": ["("]}, "when": {"always": true}}'
    )
    assert [(each["pointer"], each["message"]) for each in validate(file)["findings"]] == [
        ("/when", "is there twice: engines put both together")
    ]
