# SPDX-License-Identifier: Apache-2.0
"""systemd's layout: slices, services and a user's session, by the properties of its units."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from parity.found import Found, Start
from parity.judge import CPUS
from parity.trees import ROOT
from systemd import start_unit, systemctl, user_manager

pytestmark = [
    pytest.mark.runtime,
    pytest.mark.machine("systemd"),
    pytest.mark.usefixtures("scheduler", "beside_the_units"),
]

USER = "user.slice/user-0.slice"
LEAVES = {
    "nginx": ROOT / "web.slice/nginx.service",
    "app": ROOT / "web.slice/app.service",
    "db": ROOT / "system.slice/db.service",
    "backup": ROOT / "system.slice/backup.service",
    "shell": ROOT / USER / "session-7.scope",
    "build": ROOT / USER / "user@0.service/app.slice/build.service",
    "player": ROOT / USER / "user@0.service/app.slice/player.service",
}


@pytest.fixture
def beside_the_units() -> Iterator[None]:
    """Have this process in the root, where no service of system.slice pays for what it measures."""
    (before,) = Path("/proc/self/cgroup").read_text().split("::")[1:]
    (ROOT / "cgroup.procs").write_text("0")
    yield
    (ROOT / before.strip().lstrip("/") / "cgroup.procs").write_text("0")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start the units of ``LEAVES``; their tasks begin when the test says so."""
    made = Start(tmp_path)

    def service(unit: str, *properties: str, slice: str, user: bool = False) -> None:
        options = [f"--property={each}" for each in properties]
        start_unit(unit, made.command(), f"--slice={slice}", *options, user=user)

    service("nginx", "CPUWeight=300", slice="web")
    service("app", "CPUWeight=100", slice="web")
    systemctl("set-property", "--runtime", "web.slice", "CPUWeight=400")
    service("db", "CPUWeight=100", slice="system")
    service("backup", "CPUWeight=900", "CPUQuota=20%", slice="system")
    with user_manager():
        service("build", "CPUWeight=300", slice="app", user=True)
        service("player", "CPUWeight=100", slice="app", user=True)
        scope = ("--scope", "--unit=session-7", "--slice=user-0", "--property=CPUWeight=50")
        shell = subprocess.Popen(
            ["systemd-run", "--quiet", *scope, "/bin/sh", "-c", made.command()]
        )
        yield made
        systemctl("stop", "nginx", "app", "db", "backup", "session-7.scope")
        shell.wait()
    systemctl("revert", "web.slice")
    systemctl("stop", "web.slice")
    made.close()


def demand(**due: float) -> None:
    """Demand that the files say so many CPUs for each leaf, and that each gets them."""
    found = Found(LEAVES.values())
    assert dict(zip(LEAVES, found.due().values(), strict=True)) == pytest.approx(due)
    found.demand_limits(cpu_s=0.7)


def test_units_and_changes_of_them(start: Start) -> None:
    start.begin(list(LEAVES.values()))
    # web.slice, system.slice and user.slice weigh 400, 100 and 100.
    sixth = CPUS / 6
    demand(
        nginx=3 * sixth,
        app=sixth,
        db=sixth - 0.2,
        backup=0.2,
        shell=sixth / 3,
        build=sixth / 2,
        player=sixth / 6,
    )
    systemctl("set-property", "--runtime", "web.slice", "CPUWeight=100")
    systemctl("set-property", "--runtime", "nginx.service", "CPUQuota=30%")
    systemctl("set-property", "--runtime", "player.service", "CPUWeight=900", user=True)
    third = CPUS / 3
    demand(
        nginx=0.3,
        app=third - 0.3,
        db=third - 0.2,
        backup=0.2,
        shell=third / 3,
        build=third / 6,
        player=third / 2,
    )
