# SPDX-License-Identifier: Apache-2.0
"""Containers of this Debian's runc and crun."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from runtimes import Container, Machine, cgroup2

from tests.vm import programs

Make = Callable[..., Container]


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    hierarchy = cgroup2()
    assert hierarchy
    found = Machine(tmp_path, hierarchy)
    yield found
    found.close()


@pytest.fixture(params=["runc", "crun"])
def make(request: pytest.FixtureRequest, machine: Machine) -> Iterator[Make]:
    debian = programs.unpacked("runc", "crun")
    made: list[Container] = []

    def container(*arguments: Any, **members: Any) -> Container:
        runtime = (debian.find(request.param), debian.library_path)
        made.append(Container(machine, runtime, *arguments, **members))
        return made[-1]

    yield container
    for one in made:
        one.delete()
