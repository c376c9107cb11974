# SPDX-License-Identifier: Apache-2.0
"""Which cgroup becomes the cell, for containers that lack a namespace or have one too many."""

from __future__ import annotations

import copy
import json
import os
import subprocess
from pathlib import Path

import pytest
from bundle import TIMEOUT_S, Container, Make
from cells import cells_of
from hook_calls import complaint, only_cell
from podman import busybox_root, remove_all, run

from ocihook._bpf.pinned import cell_of
from ocihook.paths import HOOK_PROGRAM

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


def test_joined_namespace(runtime: str, make: Make) -> None:
    """podman --cgroupns=container:ID: the root of that namespace is the other container's."""
    first = make(runtime, "first", SLEEP).run()
    second = make(runtime, "second", SLEEP)
    document = second.document()
    namespace = f"/proc/{first.state()['pid']}/ns/cgroup"
    for each in document["linux"]["namespaces"]:
        if each["type"] == "cgroup":
            each["path"] = namespace
    second.write(document)
    second.run()
    assert os.readlink(f"/proc/{second.state()['pid']}/ns/cgroup") == os.readlink(namespace)
    assert_is_the_cell(first, "the namespace's own")
    assert_is_the_cell(second, "beside its namespace")
    second.delete()
    assert cells_of(second.id) == []


def test_cgroup2_that_is_mounted_over_a_hybrid(make: Make) -> None:
    """Where a container's cgroup is to be found: through the mount that a path leads to."""
    container = make("crun", command=SLEEP, stages=()).create()
    state = {"ociVersion": "1.0.2", "id": container.id, "status": "created"}
    state |= {"bundle": str(container.bundle), "pid": container.state()["pid"]}
    script = (
        "set -e; mount --make-rprivate /; mkdir -p /mnt/cg; mount --move /sys/fs/cgroup /mnt/cg;"
        "mount -t tmpfs tmpfs /sys/fs/cgroup; mkdir /sys/fs/cgroup/unified;"
        "mount --move /mnt/cg /sys/fs/cgroup/unified;"
        'mount --bind /sys/fs/cgroup/unified /sys/fs/cgroup; exec "$@"'
    )
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", HOOK_PROGRAM, "createRuntime"],
        input=json.dumps(state), capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert_is_the_cell(container, "by the mount over the hybrid")


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
