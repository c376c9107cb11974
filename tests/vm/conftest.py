# SPDX-License-Identifier: Apache-2.0
"""The order of the rig's tests."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the guests' sessions last: they take minutes, and are in vain if the rig is broken."""
    items.sort(key=lambda item: item.path.name == "test_guest.py")
