# SPDX-License-Identifier: Apache-2.0
"""The administrator's configuration, under real runtimes and podman."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bundle import PARENT, TIMEOUT_S
from conftest import Make, cells_of, ocihook

from ocihook.paths import CONFIG_FILE

pytestmark = pytest.mark.usefixtures("scheduler")

PODMAN = ("podman", "--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--events-backend=none")
HEAVY = {"org.ocihook/weight": "300"}
LIMIT = "annotation org.ocihook/weight: 300 is above limits.weight_max = 200 of"

Configure = Callable[[str], None]


@pytest.fixture
def configure() -> Iterator[Configure]:
    """Write the configuration, and bring back what was installed."""
    file = Path(CONFIG_FILE)
    before = file.read_text()

    def write(text: str) -> None:
        file.write_text(text)

    yield write
    file.write_text(before)
    ocihook("install")


def test_a_limit_and_its_end(runtime: str, make: Make, configure: Configure) -> None:
    """An edit counts for the next container, without a command."""
    configure("[limits]\nweight_max = 200\n")
    refused = make(runtime, "refused", annotations=HEAVY).run()
    assert cells_of(refused.id) == []
    configure("[limits]\nweight_max = 300\n")
    allowed = make(runtime, "allowed", annotations=HEAVY).run()
    (cell,) = cells_of(allowed.id)
    assert cell["weight"] == 300


def test_on_error_refuse(runtime: str, make: Make, configure: Configure) -> None:
    configure('[limits]\nweight_max = 200\n[hook]\non_error = "refuse"\n')
    refused = make(runtime, "refused", annotations=HEAVY)
    done = refused.call("create", "--bundle", str(refused.bundle), refused.id, check=False)
    assert done.returncode != 0
    assert cells_of(refused.id) == []
    if runtime == "runc":  # crun sends what a hook says to /dev/null
        assert f"{LIMIT} {CONFIG_FILE}" in refused.stderr
    assert len(cells_of(make(runtime, "other").run().id)) == 1


def test_an_excluded_cgroup(runtime: str, make: Make, configure: Configure) -> None:
    configure(f'enrol.exclude.cgroups = ["/{PARENT}/*-left"]\n')
    assert cells_of(make(runtime, "left").run().id) == []
    assert len(cells_of(make(runtime, "right").run().id)) == 1


def test_a_mistake_costs_no_container_its_cell(make: Make, configure: Configure) -> None:
    configure("[limits]\nwieght_max = 200\n")
    assert len(cells_of(make("crun", annotations=HEAVY).run().id)) == 1


def test_podman_with_all(tmp_path: Path, configure: Configure) -> None:
    """With ``all``, and the files that are installed for it, nobody has to annotate anything."""
    configure('[enrol]\nwho = "all"\n[enrol.exclude]\nannotations."com.example/alone" = "*"\n')
    ocihook("install")
    busybox = tmp_path / "root" / "bin" / "busybox"
    busybox.parent.mkdir(parents=True)
    busybox.write_bytes(Path("/bin/busybox").read_bytes())
    busybox.chmod(0o755)

    def podman(*arguments: str) -> str:
        done = subprocess.run(
            [*PODMAN, "--runtime=crun", *arguments],
            capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def run(*options: str) -> str:
        where = (
            "--network=none",
            "--log-driver=none",
            *options,
            "--rootfs",
            str(tmp_path / "root"),
        )
        return podman("run", "--detach", *where, "/bin/busybox", "sleep", "1000")

    try:
        assert len(cells_of(run())) == 1
        assert cells_of(run("--annotation=com.example/alone=yes")) == []
    finally:
        podman("rm", "--all", "--force", "--time=0")
