# SPDX-License-Identifier: Apache-2.0
"""A pid that is not, or no longer, the process that the runtime meant."""

from __future__ import annotations

import os
import posix
from collections.abc import Iterator
from pathlib import Path

import pytest
from cgroup_host import Host

from ocihook import procfs
from ocihook.errors import CgroupError, ProcessGone, ProcessHidden
from ocihook.hook import cgroup, identity


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path)
    yield host
    host.close()


def test_no_such_process(host: Host, gone_pid: int) -> None:
    with pytest.raises(ProcessGone, match=f"^pid {gone_pid}: no such process$"):
        cgroup.find(gone_pid, str(host.proc))


def test_a_pid_whose_process_ends_while_we_read_about_it(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What /proc says from then on may be about another process with the same number."""
    readlink = os.readlink

    def end_it_then_readlink(path: str) -> str:
        if str(host.pid) in path:
            host.close()
        return readlink(path)

    monkeypatch.setattr(posix, "readlink", end_it_then_readlink)
    with pytest.raises(ProcessGone, match=f"^pid {host.pid}: ended$"):
        host.find()
    assert host.child.returncode is not None


def test_a_process_without_a_namespace_has_ended(host: Host) -> None:
    (host.proc / str(host.pid) / "ns" / "cgroup").unlink()
    with pytest.raises(ProcessGone, match="ended"):
        host.find()


@pytest.mark.parametrize("when", ["cgroup", "stat"])
def test_a_process_that_procfs_hides(
    host: Host, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """With hidepid=2, to a hook without CAP_SYS_PTRACE: it lives, and has no directory there."""
    directory = host.proc / str(host.pid)
    read = procfs.read

    def hide_it_then_read(path: str) -> str:
        if path == f"{directory}/{when}":
            directory.rename(host.proc / "hidden")
        return read(path)

    monkeypatch.setattr(procfs, "read", hide_it_then_read)
    with pytest.raises(ProcessHidden, match=rf"^pid {host.pid}: lives, and {host.proc} hides it"):
        host.find()
    host.close()
    with pytest.raises(ProcessGone, match="no such process"):
        host.find()


def test_a_pid_that_is_a_younger_process_now(host: Host) -> None:
    """The runtime wrote the state before it started the hook: its container is older."""
    host.started(hook=2000, container=2001)
    with pytest.raises(
        ProcessGone, match=f"^pid {host.pid}: ended, and the number is a younger process's$"
    ):
        host.find()


@pytest.mark.parametrize("container", [0, 1999, 2000])
def test_a_process_as_old_as_the_hook_may_be_the_container(host: Host, container: int) -> None:
    """A clock tick is 10 ms, and a runtime needs less."""
    host.started(hook=2000, container=container)
    assert host.found() == "/machine/c1/container"


def test_the_real_procfs(host: Host) -> None:
    """A process of ours, made just now, and one that is made after `self` was: pytest is older."""
    pidfd = identity.pin(host.pid)
    try:
        with pytest.raises(ProcessGone, match="a younger process's"):
            identity.demand_same(pidfd, host.pid)
    finally:
        os.close(pidfd)
    parent = identity.pin(os.getpid())
    identity.demand_same(parent, os.getpid())
    os.close(parent)


def test_procfs_of_another_pid_namespace_is_refused(host: Host) -> None:
    """An engine in a pid namespace of its own that kept the host's /proc: other numbers there."""
    link = host.proc / "self"
    link.unlink()
    link.symlink_to(str(host.pid))
    with pytest.raises(CgroupError, match="proc: of another pid namespace than the hook's"):
        host.find()


def test_no_procfs(host: Host, tmp_path: Path) -> None:
    with pytest.raises(CgroupError, match=r"nowhere: no such file or directory \(mount procfs"):
        cgroup.find(host.pid, str(tmp_path / "nowhere"))
