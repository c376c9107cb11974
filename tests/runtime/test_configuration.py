# SPDX-License-Identifier: Apache-2.0
"""What the configuration makes of a hook's failure, under the real runc and crun of this Debian.

Limits are looked at before the cgroup, so all of it can be seen where no scheduler runs.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from runtimes import Container, Machine, cgroup2

from ocihook.install import launcher
from ocihook.paths import SCHED_EXT

# Skips for these reasons are allowed in continuous integration: tests/conftest.py.
pytestmark = [
    pytest.mark.skipif(Path(SCHED_EXT).is_dir(), reason="this kernel has sched_ext"),
    pytest.mark.skipif(os.geteuid() != 0 or not cgroup2(), reason="needs root and cgroup2"),
]

Make = Callable[..., Container]
Configure = Callable[[str], Path]
HEAVY = {"org.ocihook/weight": "300"}
MAIN = b"try:\n    from ocihook.hook.main import run\n"


@pytest.fixture
def configure(machine: Machine) -> Configure:
    """Write the configuration of this test's own hook program."""
    file = machine.directory / "config.toml"
    places = (
        f"from ocihook import paths\npaths.CONFIG_FILE = {str(file)!r}\n"
        f"paths.POLICY_FILE = {str(machine.directory / 'stored' / 'policy.json')!r}\n"
    )
    text = launcher.text()
    assert text.count(MAIN) == 1
    machine.program.write_bytes(text.replace(MAIN, places.encode() + MAIN))

    def write(text: str) -> Path:
        file.write_text(text)
        file.chmod(0o644)
        return file

    return write


def test_a_limit_and_its_end(make: Make, machine: Machine, configure: Configure) -> None:
    file = configure("[limits]\nweight_max = 200\n")
    container = make("echo it runs", HEAVY)
    done = container.call("run", container.id)
    assert (done.returncode, done.stdout) == (0, "it runs\n")
    limit = f"annotation org.ocihook/weight: 300 is above limits.weight_max = 200 of {file}"
    first = machine.records()[0]
    assert first["MESSAGE"] == f"createRuntime: container {container.id}: {limit}"
    assert (first["OCIHOOK_ERROR"], first["OCIHOOK_STATUS"]) == ("PolicyError", "0")
    assert os.listdir(machine.directory / "stored") == ["policy.json"]
    configure("[limits]\nweight_max = 300\n")
    container.call("run", container.id)
    assert "weight" not in machine.records()[0]["MESSAGE"]


def test_on_error_refuse(make: Make, machine: Machine, configure: Configure) -> None:
    configure('[limits]\nweight_max = 200\n[hook]\non_error = "refuse"\n')
    container = make("echo it runs", HEAVY)
    done = container.call("run", container.id)
    assert done.returncode != 0
    assert "it runs" not in done.stdout
    if container.program.name == "runc":  # crun sends what a hook says to /dev/null
        assert "300 is above limits.weight_max = 200 of" in done.stdout
    first = machine.records()[0]
    assert (first["PRIORITY"], first["OCIHOOK_STATUS"]) == ("3", str(os.EX_NOPERM))
    assert not container.cgroup.exists()


def test_a_container_that_is_left_alone(make: Make, machine: Machine, configure: Configure) -> None:
    configure('[enrol.exclude]\nannotations."com.example/tier" = "batch-*"\n')
    container = make("echo it runs", {"com.example/tier": "batch-1"})
    done = container.call("run", container.id)
    assert (done.returncode, done.stdout) == (0, "it runs\n")
    assert machine.records() == []


def test_a_mistake_is_told_and_stops_nothing(
    make: Make, machine: Machine, configure: Configure
) -> None:
    file = configure("[log]\nstderr = true\n[hook]\ndeadline = 5\n")
    container = make("echo it runs")
    done = container.call("run", container.id)
    assert (done.returncode, done.stdout) == (0, "it runs\n")
    assert machine.records()[0]["MESSAGE"].startswith(
        f"createRuntime: {file}:4: hook.deadline: unknown; did you mean deadline_s?"
    )


def test_beside_a_mistake_what_is_right_counts(
    make: Make, machine: Machine, configure: Configure
) -> None:
    configure('[hook]\non_error = "refuse"\ndeadline = 5\n')
    container = make("echo it runs", HEAVY)
    done = container.call("run", container.id)
    assert done.returncode != 0
    assert "it runs" not in done.stdout
    refusal = "300 is refused while limits.weight_max of"
    assert refusal in [record["MESSAGE"] for record in machine.records()][1]


@pytest.mark.parametrize("text", ['[log]\nlevel = "error"\n', "[log]\njournal = false\n"])
def test_nothing_in_the_journal(
    make: Make, machine: Machine, configure: Configure, text: str
) -> None:
    configure(text + "[limits]\nweight_max = 200\n")
    container = make("echo it runs", HEAVY)
    assert container.call("run", container.id).stdout == "it runs\n"
    assert machine.records() == []
