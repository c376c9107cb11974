# SPDX-License-Identifier: Apache-2.0
"""The cgroup that a container's engine has put it into: whose name a shared cell's is."""

import os
from pathlib import Path

import pytest

from ocihook.hook.cgroup import Cgroup


@pytest.mark.parametrize(
    ("path", "parent"),
    [
        ("/kubepods.slice/pod1.slice/cri-containerd-1.scope", "/kubepods.slice/pod1.slice"),
        ("/machine.slice/libpod-1.scope/container", "/machine.slice"),
        ("/machine.slice/libpod-1.scope", "/machine.slice"),
        ("/machine.slice/machine-pod.slice/libpod-1.scope/container",
         "/machine.slice/machine-pod.slice"),
        ("/libpod_parent/libpod-1", "/libpod_parent"),
        ("/system.slice/web.service/libpod-payload-1", "/system.slice/web.service"),
        ("/a.scope/b.scope/c", "/"),
        ("/a", "/"),
    ],
)  # fmt: skip
def test_parent(tmp_path: Path, path: str, parent: str) -> None:
    directory = tmp_path / path[1:]
    directory.mkdir(parents=True)
    file = os.open(directory, os.O_RDONLY)
    with Cgroup(directory.stat().st_ino, path, file) as home:
        assert home.parent_cgid() == (tmp_path / parent[1:]).stat().st_ino


def test_what_is_above_and_on_another_file_system_is_not_it() -> None:
    """The root of what is mounted there: nobody else's name, then."""
    proc = Path("/proc")
    with Cgroup(proc.stat().st_ino, "/a", os.open(proc, os.O_RDONLY)) as home:
        assert home.parent_cgid() == home.cgid
