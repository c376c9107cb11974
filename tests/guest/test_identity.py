# SPDX-License-Identifier: Apache-2.0
"""Which cgroup becomes the cell, for containers that lack a namespace or have one too many."""

from __future__ import annotations

import copy
import subprocess
from pathlib import Path

import pytest
from bundle import Container, Make
from cells import cells_of
from hook_calls import complaint, only_cell
from podman import busybox_root, remove_all, run

from ocihook._bpf.pinned import cell_of

pytestmark = [pytest.mark.runtime, pytest.mark.usefixtures("scheduler")]

SLEEP = ("/bin/sleep", "1000")


def assert_is_the_cell(container: Container, what: str) -> None:
    cell = only_cell(container)
    assert cell["cgid"] == container.cgroup.stat().st_ino, what
    assert cell["cgroup"] == f"/{container.cgroup.relative_to('/sys/fs/cgroup')}", what


def test_namespaces(runtime: str, make: Make) -> None:
    """cgroupns=host: the cgroup of its first process. pid=host: nothing is different.

    With a user namespace, the runtime is root, and the hook with it; the container's root is not.
    """
    container = make(runtime, command=SLEEP)
    document = container.document()
    for kind in ("cgroup", "pid"):
        without = copy.deepcopy(document)
        namespaces = document["linux"]["namespaces"]
        without["linux"]["namespaces"] = [each for each in namespaces if each["type"] != kind]
        container.write(without)
        container.run()
        assert_is_the_cell(container, f"{kind} namespace of the host")
        its = cell_of(container.state()["pid"]).cell
        assert its == only_cell(container)["cell"], f"{kind} namespace of the host"
        container.delete()

    identity = [{"containerID": 0, "hostID": 0, "size": 65536}]
    document["linux"] |= {"uidMappings": identity, "gidMappings": identity}
    document["linux"]["namespaces"].append({"type": "user"})
    container.write(document)
    container.run()
    assert Path(f"/proc/{container.state()['pid']}/uid_map").read_text().split()[2] == "65536"
    assert_is_the_cell(container, "user namespace")


def test_delegated_cgroup_is_inside_of_the_cell(make: Make) -> None:
    """crun moves the process deeper after it has made the namespace: for systemd in a container."""
    container = make("crun", command=SLEEP, annotations={"run.oci.delegate-cgroup": "payload"})
    container.run()
    assert (container.cgroup / "payload" / "cgroup.procs").read_text().strip()
    assert_is_the_cell(container, "delegated cgroup")


def test_container_without_a_cgroup_of_its_own_is_refused(make: Make) -> None:
    """podman --cgroups=disabled: the cell would be that of the program that started it."""
    container = make("crun", command=SLEEP).log_hooks()
    container.options = ("--cgroup-manager=disabled",)
    container.run()
    pid = container.state()["pid"]
    own = Path("/proc/self/cgroup").read_text()
    assert Path(f"/proc/{pid}/cgroup").read_text() == own
    assert cells_of(container.id) == []
    assert "let the runtime create a cgroup for it" in complaint(container)
    subprocess.run(["kill", "-9", str(pid)], check=True)


def test_podman_without_cgroups_is_refused(tmp_path: Path) -> None:
    said = tmp_path / "hooks"
    enrol = ("--annotation=org.ocihook/weight=250", f"--annotation=run.oci.hooks.stderr={said}")
    try:
        container = run(busybox_root(tmp_path), *enrol, "--cgroups=disabled")
        assert cells_of(container) == []
    finally:
        remove_all()
    assert "podman: not --cgroups=disabled" in said.read_text()
