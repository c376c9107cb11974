# SPDX-License-Identifier: Apache-2.0
"""The order of the rig's tests, and the project they install in guests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the guests' sessions last: they take minutes, and are in vain if the rig is broken."""
    items.sort(key=lambda item: item.path.name == "test_guest.py")


@pytest.fixture
def wheel() -> Path:
    """Return the built project, which ``./dev test`` makes first."""
    if "OCIHOOK_WHEEL" not in os.environ:
        pytest.fail("OCIHOOK_WHEEL: not set; run the tests with ./dev test")
    return Path(os.environ["OCIHOOK_WHEEL"])
