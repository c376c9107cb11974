# SPDX-License-Identifier: Apache-2.0
"""The administrator's configuration, under real runtimes and podman."""

from __future__ import annotations

from pathlib import Path

import pytest
from bundle import PARENT, Make
from cells import cells_of
from command import Configure, command
from podman import busybox_root, remove_all, run

from ocihook.paths import CONFIG_FILE

pytestmark = pytest.mark.usefixtures("scheduler")

SLEEP = ("/bin/sleep", "1000")
HEAVY = {"org.ocihook/weight": "300"}
LIMIT = "annotation org.ocihook/weight: 300 is above limits.weight_max = 200 of"


@pytest.mark.once
def test_a_limit_and_its_end(make: Make, configure: Configure) -> None:
    """An edit counts for the next container, without a command."""
    configure("[limits]\nweight_max = 200\n")
    refused = make("crun", "refused", SLEEP, annotations=HEAVY).run()
    (cell,) = cells_of(refused.id)
    assert cell["weight"] == 100, "plain"
    configure("[limits]\nweight_max = 300\n")
    allowed = make("crun", "allowed", SLEEP, annotations=HEAVY).run()
    (cell,) = cells_of(allowed.id)
    assert cell["weight"] == 300


@pytest.mark.runtime
def test_on_error_refuse(runtime: str, make: Make, configure: Configure) -> None:
    configure('[limits]\nweight_max = 200\n[hook]\non_error = "refuse"\n')
    refused = make(runtime, "refused", SLEEP, annotations=HEAVY)
    done = refused.call("create", "--bundle", str(refused.bundle), refused.id, check=False)
    assert done.returncode != 0
    assert cells_of(refused.id) == []
    if runtime == "runc":  # crun sends what a hook says to /dev/null
        assert f"{LIMIT} {CONFIG_FILE}" in refused.stderr
    assert len(cells_of(make(runtime, "other", SLEEP).run().id)) == 1


@pytest.mark.once
def test_an_excluded_cgroup(make: Make, configure: Configure) -> None:
    configure(f'enrol.exclude.cgroups = ["/{PARENT}/*-left"]\n')
    assert cells_of(make("crun", "left", SLEEP).run().id) == []
    assert len(cells_of(make("crun", "right", SLEEP).run().id)) == 1


@pytest.mark.once
def test_a_mistake_costs_no_container_its_cell(make: Make, configure: Configure) -> None:
    configure("[limits]\nwieght_max = 200\n")
    assert len(cells_of(make("crun", "mistake", SLEEP, annotations=HEAVY).run().id)) == 1


@pytest.mark.runtime
def test_podman_with_all(tmp_path: Path, configure: Configure) -> None:
    """With ``all``, and the files that are installed for it, nothing has to be annotated."""
    configure('[enrol]\nwho = "all"\n[enrol.exclude]\nannotations."com.example/alone" = "*"\n')
    command("install")
    root = busybox_root(tmp_path)
    try:
        assert len(cells_of(run(root))) == 1
        assert cells_of(run(root, "--annotation=com.example/alone=yes")) == []
    finally:
        remove_all()
