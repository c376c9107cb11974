# SPDX-License-Identifier: Apache-2.0
"""Screens kept as text: ``snapshot(name, text)`` compares with ``snapshots/NAME.txt`` of the test.

``OCIHOOK_REWRITE_SNAPSHOTS=1`` writes the files instead; ``git diff`` then shows what has changed.
"""

import os
from collections.abc import Callable

import pytest

REWRITE = "OCIHOOK_REWRITE_SNAPSHOTS"

Snapshot = Callable[[str, str], None]


@pytest.fixture
def snapshot(request: pytest.FixtureRequest) -> Snapshot:
    directory = request.path.parent / "snapshots"

    def compare(name: str, text: str) -> None:
        path = directory / f"{name}.txt"
        if os.environ.get(REWRITE) == "1":
            directory.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            return
        assert path.exists(), f"{path} is missing; make it with {REWRITE}=1"
        assert text == path.read_text(encoding="utf-8")

    return compare
