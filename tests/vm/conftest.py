# SPDX-License-Identifier: Apache-2.0
"""The order of the rig's tests, which kernels they take, and the project they install in guests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Know ``--all-kernels``, which ``./dev test`` passes on."""
    parser.addoption(
        "--all-kernels",
        action="store_true",
        help="run the guests' sessions on every kernel that the scheduler is made for",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the mark of what only ``--all-kernels`` runs."""
    config.addinivalue_line("markers", "all_kernels: runs with --all-kernels only")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the guests' sessions last: they take minutes, and are in vain if the rig is broken."""
    items.sort(key=lambda item: item.path.name in {"test_guest.py", "test_tutorial.py"})
    if config.getoption("--all-kernels"):
        return
    left_out = [item for item in items if item.get_closest_marker("all_kernels")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture
def wheel() -> Path:
    """Return the built project, which ``./dev test`` makes first."""
    if "OCIHOOK_WHEEL" not in os.environ:
        pytest.fail("OCIHOOK_WHEEL: not set; run the tests with ./dev test")
    return Path(os.environ["OCIHOOK_WHEEL"])
