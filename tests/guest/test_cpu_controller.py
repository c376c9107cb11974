# SPDX-License-Identifier: Apache-2.0
"""Weights of cells do not need the cpu controller: it is switched off while their tasks run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from bundle import PARENT
from cells import Workloads
from converge import demand_ratio

from ocihook.paths import CGROUPFS

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("scheduler")]

CONTROL = Path(CGROUPFS, PARENT, "cgroup.subtree_control")
CPUS = os.cpu_count() or 1


@pytest.fixture
def restored_controllers() -> Iterator[None]:
    """Switch the cpu controller on again afterwards, for the tests to come."""
    yield
    CONTROL.write_text("+cpu")


@pytest.mark.usefixtures("restored_controllers")
def test_weights_hold_without_the_cpu_controller(cells: Workloads) -> None:
    """100 to 300 within 20 %."""
    light, heavy = cells("light", CPUS, weight=100), cells("heavy", CPUS, weight=300)
    cells.begin()
    CONTROL.write_text("-cpu")
    assert not any((cell.cgroup / "cpu.weight").exists() for cell in (light, heavy))
    demand_ratio(light, heavy, 3, rel=0.2)
    assert all(cell.row()["state"] == "live" for cell in (light, heavy))
