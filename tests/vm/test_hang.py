# SPDX-License-Identifier: Apache-2.0
"""A guest's test that nothing ends: its session ends, and the kernel has said what blocks."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from .run import Request, run
from .test_guest import CLONE, HUNG

pytestmark = pytest.mark.timeout(600)

HANGS = """
import time, hang
watch = hang.Watch()
with watch.over("the first", 100):
    pass
time.sleep(2)
print("none is over", flush=True)
with watch.over("the second", 1):
    time.sleep(1000)
"""


def test_session_that_hangs_is_ended(tmp_path: Path) -> None:
    program = tmp_path / "hangs.py"
    program.write_text(HANGS)
    output = io.BytesIO()
    command = "PYTHONPATH=/with/guest python3 /with/guest/hangs.py"
    guest = tmp_path / "guest"
    guest.mkdir()
    for source in (program, CLONE / "tests" / "guest" / "hang.py"):
        (guest / source.name).write_bytes(source.read_bytes())
    assert run(Request(command=(command,), with_dir=tmp_path, timeout_s=300), output) == HUNG
    said = output.getvalue().decode()
    assert "none is over" in said
    assert "the second hangs; the kernel says:\n" in said
    assert "Show Blocked State" in said
    assert "the first hangs" not in said
