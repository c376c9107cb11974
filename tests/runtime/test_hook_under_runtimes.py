# SPDX-License-Identifier: Apache-2.0
"""The hook program under the real runc and crun of this Debian, where no scheduler of ours can run.

A container starts nevertheless, or does not where it is required; what the hook has to say is in
the journal. tests/guest has the same runtimes, and newer ones, where there is a scheduler.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from runtimes import Container, Machine, cgroup2, on_v1

from ocihook.paths import SCHED_EXT

HIERARCHY = cgroup2()

# Skips for these reasons are allowed in continuous integration: tests/conftest.py.
pytestmark = [
    pytest.mark.skipif(Path(SCHED_EXT).is_dir(), reason="this kernel has sched_ext"),
    pytest.mark.skipif(os.geteuid() != 0 or not HIERARCHY, reason="needs root and cgroup2"),
]

Make = Callable[..., Container]
REQUIRED = {"org.ocihook/required": "true"}


EXPECTED = (
    " controller is on cgroup v1 (ocihook needs cgroup v2 alone,"
    if on_v1()
    else "no ocihook scheduler is loaded (start it with: ocihook scheduler start)"
)
"""What is wrong with this machine."""


def test_container_starts_and_the_journal_says_what_it_lacks(make: Make, machine: Machine) -> None:
    container = make("echo it runs")
    done = container.call("run", container.id)
    assert (done.returncode, done.stdout) == (0, "it runs\n")
    first, *later = machine.records()
    assert EXPECTED in first["MESSAGE"]
    assert first["OCIHOOK_STAGE"] == "createRuntime"
    assert first["OCIHOOK_CONTAINER"] == container.id
    assert first["OCIHOOK_BUNDLE"] == str(container.bundle)
    assert (first["OCIHOOK_STATUS"], first["PRIORITY"]) == ("0", "4")
    assert {record["OCIHOOK_STAGE"] for record in later} <= {"poststart"}, "poststop has no fault"
    assert not container.cgroup.exists()


def test_required_container_does_not_start(make: Make, machine: Machine) -> None:
    container = make("echo it runs", REQUIRED)
    done = container.call("run", container.id)
    assert done.returncode != 0
    assert "it runs" not in done.stdout
    if container.program.name == "runc":
        assert f"ocihook: createRuntime: container {container.id}: " in done.stdout
        assert EXPECTED in done.stdout
    first = machine.records()[0]
    assert EXPECTED in first["MESSAGE"]
    assert first["PRIORITY"] == "3"
    status = os.EX_NOINPUT if on_v1() else os.EX_UNAVAILABLE
    assert first["OCIHOOK_STATUS"] == str(status)
    assert not container.cgroup.exists()


def test_create_start_and_delete_by_themselves(make: Make, machine: Machine) -> None:
    """poststart runs in `create` of this runc and in `start` of crun, poststop in `delete`."""
    container = make("exec sleep 1000")
    assert container.call("create", "--bundle", str(container.bundle), container.id).returncode == 0
    stages = [record["OCIHOOK_STAGE"] for record in machine.records()]
    early = container.program.name == "runc"
    assert stages == ["createRuntime", "poststart"] if early else ["createRuntime"]
    assert container.call("start", container.id).returncode == 0
    stages += [record["OCIHOOK_STAGE"] for record in machine.records()]
    assert stages == ["createRuntime", "poststart"]
    assert container.call("delete", "--force", container.id).returncode == 0
    assert machine.records() == []


def test_state_larger_than_a_pipe(make: Make, machine: Machine) -> None:
    """crun before 1.17 fails the container when any of it is left unread."""
    annotations = {f"com.example/{number}": "x" * 1024 for number in range(1024)}
    container = make("echo it runs", annotations)
    done = container.call("run", container.id)
    assert (done.returncode, done.stdout) == (0, "it runs\n")
    assert EXPECTED in machine.records()[0]["MESSAGE"]


def test_limits_of_the_container(make: Make, machine: Machine) -> None:
    """crun runs createRuntime hooks with them, and with the container's OOM score."""
    rlimits = [
        {"type": f"RLIMIT_{name}", "soft": value, "hard": value}
        for name, value in {"NOFILE": 20, "NPROC": 1, "MEMLOCK": 0, "FSIZE": 0}.items()
    ]
    container = make("echo it runs", process={"rlimits": rlimits, "oomScoreAdj": 1000})
    container.call("run", container.id)
    assert EXPECTED in machine.records()[0]["MESSAGE"]


def test_bundle_that_is_gone_keeps_nothing_from_starting(make: Make, machine: Machine) -> None:
    """Both have read config.json before hooks run; under a user namespace hooks may not read it."""
    container = make("exec sleep 1000")
    assert container.call("create", "--bundle", str(container.bundle), container.id).returncode == 0
    (container.bundle / "config.json").rename(container.bundle / "moved.json")
    done = container.call("start", container.id)
    (container.bundle / "moved.json").rename(container.bundle / "config.json")
    assert done.returncode == 0, done.stdout
