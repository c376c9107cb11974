# SPDX-License-Identifier: Apache-2.0
"""Weights of cells do not need the cpu controller: it is switched off while the containers run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from bundle import PARENT, burn
from conftest import Make, cells_of
from load import cpus_used, run_all

from ocihook.paths import CGROUPFS

pytestmark = pytest.mark.usefixtures("scheduler")

CONTROL = Path(CGROUPFS, PARENT, "cgroup.subtree_control")


@pytest.fixture
def restored_controllers() -> Iterator[None]:
    """Switch the cpu controller on again afterwards, for the tests to come."""
    yield
    CONTROL.write_text("+cpu")


@pytest.mark.usefixtures("restored_controllers")
def test_weights_hold_without_the_cpu_controller(make: Make) -> None:
    """100 to 300 within 20 %, over 10 s."""
    tasks = os.cpu_count() or 1
    made = [
        make(runtime, runtime, burn(tasks), annotations={"org.ocihook/weight": weight})
        for runtime, weight in (("runc", "100"), ("crun", "300"))
    ]
    run_all(made)
    CONTROL.write_text("-cpu")
    assert not any((container.cgroup / "cpu.weight").exists() for container in made)
    light, heavy = cpus_used(made, 10)
    assert heavy / light == pytest.approx(3, rel=0.2), (light, heavy)
    assert all(len(cells_of(container.id)) == 1 for container in made)
