# SPDX-License-Identifier: Apache-2.0
"""`ocihook doctor`: the mount table that several checks read."""

from pathlib import Path

from fake_host import BPFFS, CGROUP2, ROOT, FakeHost

from ocihook.doctor import mounts


def test_mount_that_holds_a_path(tmp_path: Path) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(ROOT + CGROUP2 + BPFFS + BPFFS.replace("/sys/fs/bpf", "/a\\040b"))
    found = mounts.read(table)
    assert mounts.holding(found, "/sys/fs/bpf/ocihook/v3") == found[2]
    assert mounts.holding(found, "/sys/fs/bpfs") == found[0]
    assert mounts.holding(found, "/a b/c") == found[3]
    assert mounts.at(found, "/sys/fs/bpf/ocihook") is None
    assert mounts.holding([], "/") is None
    assert {"nsdelegate", "nodev"} <= found[1].options


def test_this_mount_table() -> None:
    """The real one, whatever is mounted here."""
    found = mounts.read(Path("/proc/self/mountinfo"))
    procfs = mounts.at(found, "/proc")
    assert procfs is not None
    assert procfs.kind == "proc"


def test_without_procfs(fake: FakeHost) -> None:
    fake.path("/proc/self/mountinfo").unlink()
    assert [each[:2] for each in fake.bad("bpffs", "cgroups")] == [
        ("skipped", "mount"),
        ("skipped", "layout"),
    ]
