# SPDX-License-Identifier: Apache-2.0
"""Screens as text files: a test compares what is printed with what somebody has looked at.

``OCIHOOK_REWRITE_SNAPSHOTS=1 .venv/bin/pytest tests/unit`` writes them anew; then look at the
difference before it is committed.
"""

import os
from collections.abc import Callable

import pytest

REWRITE = "OCIHOOK_REWRITE_SNAPSHOTS"


@pytest.fixture
def snapshot(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with the file of that name in ``snapshots`` beside the test.

    Blanks at the ends of lines do not count.
    """

    def compare(name: str, text: str) -> None:
        path = request.path.parent / "snapshots" / f"{name}.txt"
        shown = "".join(f"{line.rstrip()}\n" for line in text.splitlines())
        if os.environ.get(REWRITE) == "1":
            path.parent.mkdir(exist_ok=True)
            path.write_text(shown)
        assert path.exists(), f"{path}: no such snapshot; {REWRITE}=1 writes it"
        assert shown == path.read_text()

    return compare
