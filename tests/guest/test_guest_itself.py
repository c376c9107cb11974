# SPDX-License-Identifier: Apache-2.0
"""The guest has what tests/vm/README.md promises, before anything of ocihook runs in it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

import ocihook

pytestmark = pytest.mark.runtime

PROGRAMS = ("runc", "crun", "podman", "containerd", "ctr", "conmon", "ocihook")
CONTROLLERS = {"cpu", "cpuset", "memory", "pids"}


def test_programs_are_there_and_run() -> None:
    assert [name for name in PROGRAMS if shutil.which(name) is None] == []
    for name in ("runc", "crun", "podman", "containerd"):
        done = subprocess.run([name, "--version"], capture_output=True, text=True, check=True)
        assert name in done.stdout


def test_mounts_and_controllers() -> None:
    mounted = {tuple(line.split()[1:3]) for line in Path("/proc/mounts").read_text().splitlines()}
    assert {("/sys/fs/cgroup", "cgroup2"), ("/sys/fs/bpf", "bpf")} <= mounted
    assert set(Path("/sys/fs/cgroup/cgroup.subtree_control").read_text().split()) >= CONTROLLERS


def test_the_clone_is_beside_and_the_wheel_is_installed() -> None:
    assert Path.cwd() == Path("/with")
    assert Path("pyproject.toml").is_file()
    assert ocihook.__file__
    assert "/dist-packages/ocihook/" in ocihook.__file__
