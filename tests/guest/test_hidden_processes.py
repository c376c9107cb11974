# SPDX-License-Identifier: Apache-2.0
"""procfs with hidepid=2: root sees everything, unless the engine lacks CAP_SYS_PTRACE.

As a unit with ProtectProc= and CapabilityBoundingSet= has it.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest
from bundle import TIMEOUT_S, Make
from cells import cells_of
from hook_calls import complaint

pytestmark = [pytest.mark.runtime, pytest.mark.usefixtures("scheduler")]


@pytest.fixture
def hiding() -> Iterator[None]:
    subprocess.run(["mount", "-o", "remount,hidepid=2", "/proc"], check=True)
    yield
    subprocess.run(["mount", "-o", "remount,hidepid=0", "/proc"], check=True)


@pytest.mark.usefixtures("hiding")
def test_a_container_of_another_user(make: Make) -> None:
    """Its cell is made while the process is root's; poststart says that it saw nothing more."""
    containers = []
    for name in ("free", "confined"):
        container = make(
            "crun", name, ("/bin/sleep", "1000"), annotations={"org.ocihook/required": "true"}
        )
        document = container.document()
        document["process"]["user"] = {"uid": 1000, "gid": 1000}
        container.write(document)
        containers.append(container.log_hooks())
    free, container = containers
    free.run()
    assert len(cells_of(free.id)) == 1
    assert complaint(free) == ""

    confined = ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"]
    for verb in (("create", f"--bundle={container.bundle}"), ("start",)):
        with open(os.devnull, "w+b") as null:
            subprocess.run(
                [*confined, "crun", *verb, container.id],
                stdin=null, stdout=null, stderr=null, timeout=TIMEOUT_S, check=True,
            )  # fmt: skip
    assert len(cells_of(container.id)) == 1
    line = complaint(container)
    assert line.startswith(f"ocihook: poststart: container {container.id}: pid ")
    assert "lives, and /proc hides it (hidepid=)" in line
    assert line.count("\n") == 1
