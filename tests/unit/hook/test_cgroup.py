# SPDX-License-Identifier: Apache-2.0
"""The way from a pid to its cgroup, over a made-up procfs and plain directories.

That the kernel plays its part is for tests/guest to show.
"""

import os
import posix
from collections.abc import Iterator
from pathlib import Path

import pytest
from cgroup_host import INITIAL, THEIRS, Host, Kernel, pretend, private

from ocihook import procfs
from ocihook.errors import CgroupError, ProcessGone, SystemCallError
from ocihook.hook import cgroup, identity
from ocihook.paths import CELL_MARK


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path)
    yield host
    host.close()


def open_files() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


def test_without_a_namespace_of_its_own_the_tasks_cgroup(host: Host) -> None:
    before = open_files()
    with host.find() as home:
        assert home.path == "/machine/c1/container"
        assert home.cgid == (host.tree / "machine/c1/container").stat().st_ino
    assert open_files() == before


@pytest.mark.parametrize("root", ["machine/c1/container", "machine/c1"])
def test_the_root_of_the_namespace(host: Host, monkeypatch: pytest.MonkeyPatch, root: str) -> None:
    private(host, monkeypatch, "/" + root)
    before = open_files()
    with host.find() as home:
        assert home.path == "/" + root
        assert home.cgid == (host.tree / root).stat().st_ino
        assert os.path.samefile(f"/proc/self/fd/{home.directory}", host.tree / root)
    assert open_files() == before


def test_a_root_that_is_not_above_the_task(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    private(host, monkeypatch, "/machine/c2")
    before = open_files()
    with pytest.raises(CgroupError, match=r"not below the root of its cgroup namespace \(\d+\)"):
        host.find()
    assert open_files() == before


def test_the_initial_namespace_is_not_entered(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.is_in_namespace(INITIAL)
    kernel = Kernel(host.tree)
    pretend(monkeypatch, kernel)
    with pytest.raises(CgroupError, match="is in the initial cgroup namespace, the hook is not"):
        host.find()
    assert not kernel.entered


def test_a_process_that_ends_while_we_enter(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.is_in_namespace(THEIRS)
    pretend(monkeypatch, Kernel(None, errno=3))
    with pytest.raises(ProcessGone, match=f"pid {host.pid}: ended"):
        host.find()


def test_a_kernel_that_refuses(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.is_in_namespace(THEIRS)
    pretend(monkeypatch, Kernel(None, errno=1))
    with pytest.raises(SystemCallError, match="setns: operation not permitted") as caught:
        host.find()
    assert caught.value.exit_code == os.EX_NOPERM


@pytest.mark.parametrize("path", ["/user/session", "/user"])
def test_the_hooks_own_cgroup_and_those_above_are_refused(host: Host, path: str) -> None:
    host.is_in(f"0::{path}\n")
    before = open_files()
    with pytest.raises(CgroupError, match=f"cgroup {path}: shared with the runtime"):
        host.find()
    assert open_files() == before


def test_a_namespace_around_the_hooks_own_cgroup_is_refused(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.hook_is_in("/machine/c1/runtime")
    private(host, monkeypatch, "/machine/c1")
    with pytest.raises(CgroupError, match="cgroup /machine/c1: shared with the runtime"):
        host.find()


def test_a_neighbour_with_a_longer_name_is_not_above(host: Host) -> None:
    host.hook_is_in("/machine/c1/container-2")
    with host.find() as home:
        assert home.path == "/machine/c1/container"


def test_the_root_is_refused(host: Host) -> None:
    host.is_in("0::/\n")
    with pytest.raises(CgroupError, match="cgroup /: the root of the hierarchy"):
        host.find()


def test_a_removed_directory(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the two looks, as the kernel tells at the second."""
    host.is_in("0::/machine/c3\n")
    read, looks = procfs.read, []

    def second_look(path: str) -> str:
        if path.endswith(f"/{host.pid}/cgroup"):
            looks.append(path)
            if len(looks) == 2:
                host.is_in("0::/machine/c3 (deleted)\n")
        return read(path)

    monkeypatch.setattr(procfs, "read", second_look)
    with pytest.raises(ProcessGone, match="cgroup /machine/c3: removed"):
        host.find()


def test_a_cgroup_that_was_removed_before(host: Host) -> None:
    host.is_in("0::/machine/c3 (deleted)\n")
    with pytest.raises(ProcessGone, match=r"cgroup /machine/c3 \(deleted\): removed"):
        host.find()


def test_a_cgroup_with_the_name_of_a_removed_one(host: Host) -> None:
    named = host.tree / "machine/c3 (deleted)"
    named.mkdir()
    host.is_in("0::/machine/c3 (deleted)\n")
    with host.find() as home:
        assert (home.path, home.cgid) == ("/machine/c3 (deleted)", named.stat().st_ino)


def test_a_task_that_has_left_a_removed_directory(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.is_in("0::/machine/c3\n")
    start_ticks = identity._start_ticks

    def meanwhile(path: str) -> int:
        host.is_in("0::/machine/c2\n")
        return start_ticks(path)

    monkeypatch.setattr(identity, "_start_ticks", meanwhile)
    with pytest.raises(ProcessGone, match="cgroup /machine/c3: removed"):
        host.find()


def test_a_directory_that_is_not_where_the_table_has_it(host: Host) -> None:
    """A cgroup with a process in it is not removed: the reason is another one, and not silent."""
    host.is_in("0::/machine/c3\n")
    with pytest.raises(CgroupError) as caught:
        host.find()
    assert not isinstance(caught.value, ProcessGone)
    assert str(caught.value) == (
        f"cgroup /machine/c3: a process is in it, and there is no {host.tree}/machine/c3 (look at"
        " /proc/self/mountinfo: what is mounted there shows another part of the hierarchy)"
    )


def test_something_mounted_over_it(host: Host) -> None:
    text = (host.proc / "self" / "mountinfo").read_text().splitlines()[1].split(" ")
    text[2] = "0:4095"
    (host.proc / "self" / "mountinfo").write_text(" ".join(text) + "\n")
    with pytest.raises(CgroupError, match="something else is mounted over it"):
        host.find()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cgroup of pid 5: not in cgroup v2"),
        ("1:name=systemd:/x\n", "cgroup of pid 5: not in cgroup v2"),
        ("3:cpu,cpuacct:/x\n0::/x\n", "the cpu,cpuacct controller is on cgroup v1"),
        ("0::/x\n9:cpuset:/x\n", "the cpuset controller is on cgroup v1"),
        ("0::/..\n", "/.. is outside of the hook's cgroup namespace"),
        ("0::/../x\n", "/../x is outside of the hook's cgroup namespace"),
    ],
)
def test_unified_path_refuses(text: str, message: str) -> None:
    with pytest.raises(CgroupError) as caught:
        cgroup.unified_path(text, "pid 5")
    assert message in str(caught.value)


@pytest.mark.parametrize("path", ["/..x", "/...", "/a/..x", "/a\r\x85b", "/x (deleted)"])
def test_unified_path_of_any_name(path: str) -> None:
    assert cgroup.unified_path(f"0::{path}\n", "x") == path


def test_unified_path_beside_a_harmless_v1_hierarchy() -> None:
    assert cgroup.unified_path("2:net_cls:/\n1:name=systemd:/a\n0::/b/c:d\n", "x") == "/b/c:d"


def line(root: str, point: str, kind: str = "cgroup2", ids: str = "30 1") -> str:
    return f"{ids} 0:26 {root} {point} rw shared:4 master:1 - {kind} none rw\n"


COVERED = line("/", "/s/unified", ids="45 63") + line("/", "/s", "tmpfs", "63 1")
"""A hybrid layout: whatever is mounted over /s covers this cgroup2."""


@pytest.mark.parametrize(
    ("mountinfo", "path", "where"),
    [
        (line("/", "/sys/fs/cgroup"), "/a/b", "/sys/fs/cgroup/a/b"),
        (line("/", "/sys/fs/cgroup"), "/", "/sys/fs/cgroup"),
        (line("/", "/x", "cgroup") + line("/", "/y"), "/a", "/y/a"),
        (line("/kubelet", "/sys/fs/cgroup"), "/kubelet/pod", "/sys/fs/cgroup/pod"),
        (line("/kubelet", "/sys/fs/cgroup"), "/kubelet", "/sys/fs/cgroup"),
        (line("/kube", "/one") + line("/", "/two"), "/kubelet/pod", "/two/kubelet/pod"),
        (line("/", "/a\\040b\\134c"), "/d", "/a b\\c/d"),
        (line("/", "/one") + line("/pod", "/one", ids="31 30"), "/pod/c1", "/one/c1"),
        (
            line("/", "/one") + line("/pod", "/one", ids="31 30") + line("/", "/two", ids="32 1"),
            "/c1",
            "/two/c1",
        ),
        (COVERED + line("/", "/s", ids="64 63"), "/a", "/s/a"),
        (COVERED, "/a", "/s/unified/a"),
        (line("/", "/x\ry"), "/a", "/x\ry/a"),
        (line("/", "/x\u2028y"), "/a", "/x\u2028y/a"),
    ],
)
def test_unified_mount(mountinfo: str, path: str, where: str) -> None:
    assert cgroup.unified_mount(mountinfo, path) == (where, os.makedev(0, 26))


@pytest.mark.parametrize(
    ("cover", "point", "mend"),
    [
        (line("/", "/s", "tmpfs", "64 63"), "/s/unified", "umount /s"),
        (line("/", "/s/unified/a", "tmpfs", "64 45"), "/s/unified", "umount /s/unified/a"),
    ],
)
def test_a_covered_mount_is_named_with_what_covers_it(cover: str, point: str, mend: str) -> None:
    with pytest.raises(CgroupError) as caught:
        cgroup.unified_mount(COVERED + cover, "/a/b")
    assert str(caught.value) == (
        f"cgroup /a/b: the mount of cgroup v2 at {point} is covered by tmpfs at"
        f" {mend.removeprefix('umount ')} ({mend})"
    )


def test_unified_mount_that_is_not_there() -> None:
    with pytest.raises(CgroupError, match="cgroup /a: no mount of cgroup v2 shows it"):
        cgroup.unified_mount(line("/b", "/sys/fs/cgroup") + line("/", "/x", "cgroup"), "/a")


def test_read_a_control_file(host: Host) -> None:
    (host.tree / "machine/c1/container/cpu.weight").write_text("100\n")
    with host.find() as home:
        assert home.read("cpu.weight") == "100"
        assert home.read("cpuset.cpus") is None


def test_mark(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    written = []
    monkeypatch.setattr(posix, "setxattr", lambda *arguments: written.append(arguments))
    with host.find() as home:
        home.mark(b"{}")
        assert written == [(home.directory, CELL_MARK, b"{}")]


def test_mark_that_cannot_be_written(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "not supported")

    monkeypatch.setattr(posix, "setxattr", refuse)
    with (
        host.find() as home,
        pytest.raises(
            SystemCallError,
            match=r"cgroup /machine/c1/container: cannot set trusted\.ocihook\.cell: "
            r"operation not supported",
        ),
    ):
        home.mark(b"{}")
