# SPDX-License-Identifier: Apache-2.0
"""Which cgroup becomes the cell, for each way in which engines lay out a container's cgroups.

The trees are those that the engines make (crun 1.21 and 1.28, podman 5.4, containerd 2.1, kind).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from cgroup_host import INITIAL, Host, private

from ocihook.errors import CgroupError

SCOPE = "/machine.slice/libpod-c1.scope"


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path)
    yield host
    host.close()


@pytest.mark.parametrize("path", [SCOPE, "/system.slice/docker-c1.scope", "/machine.slice/x.slice"])
def test_systemd_driver_of_runc_is_the_scope(
    host: Host, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    host.is_at(path)
    assert host.found() == path, "cgroupns=host"
    private(host, monkeypatch, path)
    assert host.found() == path


def test_systemd_driver_of_crun_is_its_sub_cgroup(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """crun unshares the namespace when it is in SCOPE/container already: both ways lead there."""
    host.is_at(f"{SCOPE}/container")
    assert host.found() == f"{SCOPE}/container", "cgroupns=host"
    private(host, monkeypatch, f"{SCOPE}/container")
    assert host.found() == f"{SCOPE}/container"


def test_delegated_payload_is_its_parent_where_the_namespace_says_so(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """run.oci.delegate-cgroup: crun moves the process after it has made the namespace."""
    host.is_at(f"{SCOPE}/container/payload")
    assert host.found() == f"{SCOPE}/container/payload", "cgroupns=host: nothing else is known"
    private(host, monkeypatch, f"{SCOPE}/container")
    assert host.found() == f"{SCOPE}/container"


def test_systemd_in_the_container_is_its_namespace(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.is_at(f"{SCOPE}/container/init.scope")
    private(host, monkeypatch, f"{SCOPE}/container")
    assert host.found() == f"{SCOPE}/container"


def test_kubernetes_pod_is_not_the_container(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    pod = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice"
    host.is_at(f"{pod}/cri-containerd-c1.scope")
    private(host, monkeypatch, f"{pod}/cri-containerd-c1.scope")
    assert host.found() == f"{pod}/cri-containerd-c1.scope"


@pytest.mark.parametrize("own", ["/system.slice/app.service", "/system.slice/app.service/runtime"])
def test_podman_cgroups_split_is_the_payload(
    host: Host, monkeypatch: pytest.MonkeyPatch, own: str
) -> None:
    """Beside podman's own cgroup or below it, in that of the unit that started podman."""
    host.hook_is_in(own)
    host.is_at("/system.slice/app.service/libpod-payload-c1")
    assert host.found() == "/system.slice/app.service/libpod-payload-c1"
    private(host, monkeypatch, "/system.slice/app.service/libpod-payload-c1")
    assert host.found() == "/system.slice/app.service/libpod-payload-c1"


@pytest.mark.parametrize("namespace", ["host", "private"])
def test_podman_cgroups_disabled_is_refused(
    host: Host, monkeypatch: pytest.MonkeyPatch, namespace: str
) -> None:
    """The container is in the cgroup of who started it, a user's whole session perhaps."""
    host.is_at("/user/session")
    if namespace == "private":
        private(host, monkeypatch, "/user/session")
    with pytest.raises(CgroupError, match="cgroup /user/session: shared with the runtime"):
        host.find()


def test_hook_in_the_same_cgroup_namespace_as_a_nested_engine(host: Host) -> None:
    """kind, Docker in Docker: paths begin at the engine's own root, and so does its mount."""
    host.hook_is_in("/engine")
    host.is_at("/docker/c1")
    assert host.found() == "/docker/c1"


def test_nested_engine_that_sees_a_part_of_the_tree_only(host: Host) -> None:
    """The node's cgroup mounted without a namespace, as Docker in Docker did with cgroup v1."""
    host.is_at("/machine/c1")
    host.mounted(host.mounts.replace(" / /", " /node /").replace(" /node /proc ", " / /proc "))
    with pytest.raises(CgroupError, match="cgroup /machine/c1: no mount of cgroup v2 shows it"):
        host.find()
    host.is_at("/c9")
    host.is_in("0::/node/c9\n")
    with host.find() as home:
        assert os.path.samefile(f"/proc/self/fd/{home.directory}", host.make("/c9"))


@pytest.mark.parametrize("root", ["/machine/first", "/machine", "/"])
def test_joined_namespace_of_another_container_is_not_its_own(
    host: Host, monkeypatch: pytest.MonkeyPatch, root: str
) -> None:
    """podman --cgroupns=container:ID, and a pod's: the root is beside the container, or above."""
    host.is_at("/machine/c1")
    kernel = private(host, monkeypatch, root)
    assert host.found(joined=True) == "/machine/c1"
    assert not kernel.entered


def test_joined_namespace_that_config_json_does_not_tell_of(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is none to be read, say; both reasons are named."""
    private(host, monkeypatch, "/machine/first")
    with pytest.raises(CgroupError, match=r"moved out .*, or has joined another container's"):
        host.find()


@pytest.mark.parametrize("path", ["/..", "/../c1", "/../../machine/c1"])
def test_container_outside_of_a_nested_engine_is_refused(host: Host, path: str) -> None:
    host.is_in(f"0::{path}\n")
    with pytest.raises(CgroupError, match="is outside of the hook's cgroup namespace"):
        host.find()


def test_host_namespace_seen_from_a_nested_engine_is_refused(host: Host) -> None:
    host.is_in_namespace(INITIAL)
    with pytest.raises(CgroupError, match="is in the initial cgroup namespace, the hook is not"):
        host.find()


@pytest.mark.parametrize("end", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028"])
def test_a_cgroups_name_forges_no_line(host: Host, end: str) -> None:
    """The kernel refuses a newline in it, and nothing else that Python takes for a line's end."""
    path = f"/machine/c1{end}0::/machine/c2"
    host.is_at(path)
    assert host.found() == path
