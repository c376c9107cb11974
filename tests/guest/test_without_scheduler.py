# SPDX-License-Identifier: Apache-2.0
"""Containers of real runtimes that cannot have the cell that they ask for."""

from __future__ import annotations

import os

import pytest
from bundle import Make
from cells import cells_of
from kernel import kernel_state

from ocihook.sched import loader

pytestmark = pytest.mark.runtime


def stopped() -> None:
    loader.stop()
    assert kernel_state() == "disabled"


def test_bad_annotation_does_not_keep_a_container_from_starting(runtime: str, make: Make) -> None:
    loader.start()
    container = make(runtime, annotations={"org.ocihook/weight": "heavy"}).run()
    assert container.state()["status"] == "running"
    (cell,) = cells_of(container.id)
    assert cell["weight"] == 100, "a plain cell, with the weight of its cgroup"


def test_container_starts_without_a_scheduler(runtime: str, make: Make) -> None:
    stopped()
    container = make(runtime).run()
    assert container.state()["status"] == "running"
    container.delete()
    assert not container.cgroup.exists()


def test_required_container_does_not_start_without_a_scheduler(runtime: str, make: Make) -> None:
    stopped()
    container = make(runtime, annotations={"org.ocihook/required": "true"})
    bundle = os.fspath(container.bundle)
    done = container.call("create", "--bundle", bundle, container.id, check=False)
    assert done.returncode != 0
    # runc passes on the hook's words, crun its exit code.
    expected = "no ocihook scheduler is loaded" if runtime == "runc" else str(os.EX_UNAVAILABLE)
    assert expected in done.stderr, done.stderr
    assert not container.cgroup.exists()
