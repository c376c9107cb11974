# SPDX-License-Identifier: Apache-2.0
"""The planted faults of tools/mutants: each still applies, and names tests that exist."""

from __future__ import annotations

import ast
import os
import subprocess
from pathlib import Path

import pytest
from mutants.fault import Fault, read, read_all

ROOT = Path(__file__).parents[3]
FAULTS = read_all()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_each_applies_to_the_tree(fault: Fault) -> None:
    done = subprocess.run(
        ["git", "apply", "--check", os.fspath(fault.patch)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_each_names_tests_that_exist(fault: Fault) -> None:
    for test in fault.tests:
        file, *wanted = test.split("::")
        tree = ast.parse((ROOT / file).read_text())
        assert {getattr(node, "name", "") for node in ast.walk(tree)}.issuperset(wanted), test


@pytest.mark.parametrize(
    ("head", "trouble"),
    [
        ("Test: tests/unit/test_cell.py\n", "needs one line 'Fault: ...' and a line 'Test: ...'"),
        ("Fault: a\nFault: b\nTest: tests/unit/test_cell.py\n", "needs one line"),
        ("Fault: a weight is ignored\n", "and a line 'Test: ...'"),
        (
            "Fault: a\nTest: tests/unit/test_cell.py\nTest: tests/guest/test_gc.py\n",
            "its tests run either here or in a guest",
        ),
    ],
)
def test_incomplete_head_is_refused(tmp_path: Path, head: str, trouble: str) -> None:
    patch = tmp_path / "x.patch"
    patch.write_text(f"{head}\ndiff --git a/x b/x\n")
    with pytest.raises(ValueError, match=r"x\.patch: ") as raised:
        read(patch)
    assert trouble in str(raised.value)


def test_head_and_changed_files_are_read(tmp_path: Path) -> None:
    patch = tmp_path / "weight-ignored.patch"
    patch.write_text(
        "Fault: a weight is ignored\nTest: tests/guest/test_a.py::test_b\nSet: long\n\n"
        "diff --git a/bpf/x.h b/bpf/x.h\n--- a/bpf/x.h\n+++ b/bpf/x.h\n"
    )
    fault = read(patch)
    assert (fault.name, fault.what, fault.long) == ("weight-ignored", "a weight is ignored", True)
    assert (fault.tests, fault.in_guest) == (("tests/guest/test_a.py::test_b",), True)
    assert fault.changed() == ["bpf/x.h"]
