# SPDX-License-Identifier: Apache-2.0
"""The mount table: names with anything in them, and which mount a path leads to."""

import os
from pathlib import Path

import pytest
from fake_host import BPFFS, CGROUP2, ROOT

from ocihook import mountinfo
from ocihook.mountinfo import MountTable

UNIFIED = CGROUP2.replace("30 23", "45 63").replace("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
TMPFS = "63 23 0:36 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,inode64\n"
AGAIN = CGROUP2.replace("30 23", "64 63")


def held(table: MountTable, path: str) -> str | None:
    """Return the id of the mount that a path leads to."""
    found = table.holding(path)
    return found and found.id


def test_a_line() -> None:
    line = "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=c\n"
    (found,) = MountTable(line).of_kind("ext3")
    assert (found.id, found.parent, found.device) == ("36", "35", "98:0")
    assert (found.root, found.point, found.kind) == ("/mnt1", "/mnt2", "ext3")
    assert found.options == {"rw", "noatime", "errors=c"}


def test_escapes_and_a_source_without_a_name() -> None:
    line = "36 35 0:9 /a\\134040 /b\\040c\\011\\012\\043 ro - tmpfs  size=1k\n"
    (found,) = MountTable(line).of_kind("tmpfs")
    assert (found.root, found.point) == ("/a\\040", "/b c\t\n#")
    assert found.options == {"ro", "size=1k"}


@pytest.mark.parametrize(
    "char", ["\r", "\v", "\f", "\x1c", "\x85", "\u2028", "\u2003", "\u00a0"], ids=ascii
)
def test_a_mount_point_may_have_anything_in_its_name(tmp_path: Path, char: str) -> None:
    path = tmp_path / "mountinfo"
    point = f"/mnt/a{char}b"
    sshfs = f"99 23 0:44 / {point} rw,relatime - fuse.sshfs host:/ rw\n"
    path.write_bytes((ROOT + sshfs + CGROUP2 + BPFFS).encode())
    table = mountinfo.read(path)
    assert [each.point for each in table.of_kind("fuse.sshfs")] == [point]
    assert held(table, f"{point}/c") == "99"
    assert held(table, "/sys/fs/bpf/ocihook") == "34"
    assert table.at("/sys/fs/cgroup") is not None


def test_a_mount_point_that_is_no_unicode(tmp_path: Path) -> None:
    path = tmp_path / "mountinfo"
    path.write_bytes(ROOT.encode() + b"40 23 0:9 / /mnt/\xff rw - ext4 /dev/\xfe rw\n")
    table = mountinfo.read(path)
    assert held(table, os.fsdecode(b"/mnt/\xff/a")) == "40"


def test_mount_that_holds_a_path() -> None:
    table = MountTable(ROOT + CGROUP2 + BPFFS + BPFFS.replace("34 23", "35 23", 1).replace(
        "/sys/fs/bpf", "/a\\040b"))  # fmt: skip
    assert held(table, "/sys/fs/bpf/ocihook/v4") == "34"
    assert held(table, "/sys/fs/bpfs") == "23"
    assert held(table, "/a b/c") == "35"
    assert held(table, "/") == "23"
    assert table.at("/sys/fs/bpf/ocihook") is None
    assert MountTable("").holding("/") is None


def test_a_mount_covers_what_was_below_its_place() -> None:
    """A hybrid layout over which cgroup2 was mounted later: `unified` is not in what is seen."""
    table = MountTable(ROOT + UNIFIED + TMPFS + AGAIN)
    assert [each.id for each in table.of_kind("cgroup2")] == ["45", "64"]
    assert held(table, "/sys/fs/cgroup/unified/a") == held(table, "/sys/fs/cgroup/a") == "64"
    assert held(MountTable(ROOT + UNIFIED + TMPFS), "/sys/fs/cgroup/unified/a") == "45"
    assert [each.id for each in table.reachable("cgroup2")] == ["64"]
    covered = table.covered_at("/sys/fs/cgroup/unified", "cgroup2")
    assert covered is not None
    assert covered.id == "45"
    assert table.covered_at("/sys/fs/cgroup", "cgroup2") is None


def test_the_topmost_of_a_stack_whatever_the_order_of_lines() -> None:
    over = "90 30 0:50 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
    for text in (ROOT + CGROUP2 + over, over + CGROUP2 + ROOT):
        assert held(MountTable(text), "/sys/fs/cgroup/x") == "90"


def test_a_mount_further_up_covers_all_below() -> None:
    table = MountTable(ROOT + CGROUP2 + "90 23 0:50 / /sys rw - sysfs sysfs rw\n")
    assert held(table, "/sys/fs/cgroup") == "90"
    assert table.at("/sys/fs/cgroup") is None


def test_a_mount_over_the_root_is_not_walked_through() -> None:
    table = MountTable(ROOT + CGROUP2 + "90 23 0:50 / / rw - tmpfs tmpfs rw\n")
    assert held(table, "/sys/fs/cgroup") == "30"


def test_rootfs_is_its_own_parent() -> None:
    """As in a machine that stays in its initramfs."""
    table = MountTable("1 1 0:2 / / rw - rootfs rootfs rw\n30 1 0:26 / /a rw - cgroup2 x rw\n")
    assert (held(table, "/a/b"), held(table, "/b")) == ("30", "1")


def test_ids_that_were_given_away_again_make_no_circle() -> None:
    line = "{} {} 0:9 / /a rw - tmpfs tmpfs rw\n"
    table = MountTable(ROOT + line.format(5, 23) + line.format(6, 5) + line.format(5, 6))
    assert held(table, "/a/b") in ("5", "6")


def test_in_a_chroot_the_root_may_have_no_line() -> None:
    table = MountTable(CGROUP2 + "90 30 0:50 / /sys/fs/cgroup/a rw - tmpfs tmpfs rw\n")
    assert held(table, "/sys/fs/cgroup/a/b") == "90"
    assert held(table, "/sys") is None


def test_this_mount_table() -> None:
    """The real one, whatever is mounted here: the kernel says the same of each place."""
    procfs = mountinfo.read().at("/proc")
    assert procfs is not None
    assert procfs.kind == "proc"
    for line in Path("/proc/self/mountinfo").read_bytes().split(b"\n")[:-1]:
        point = os.fsdecode(line.split(b" ")[4]).replace("\\040", " ")
        try:
            place = os.open(point, os.O_PATH)
        except OSError:
            continue  # not for this user, or covered and not there any more
        with open(f"/proc/self/fdinfo/{place}") as file:
            numbers = dict(line.split(":\t") for line in file)
        os.close(place)
        assert f"{held(mountinfo.read(), point)}\n" == numbers["mnt_id"], point


@pytest.mark.parametrize(
    "line",
    [
        "99 23 0:44 / /sys/fs/cgroup\n",
        "99 / rw - cgroup2\n",
        " / r\n",
        CGROUP2.replace("30 23 0:26", "99 23 0"),
        CGROUP2.replace("30 23 0:26", "99 23 0:"),
        CGROUP2.replace("30 23 0:26", "99 23 :26"),
        CGROUP2.replace("30 23 0:26", f"99 23 0:{'9' * 5000}"),
        CGROUP2.replace("30 23 0:26", "99 23 99999:1"),
    ],
    ids=["root", "four", "blank", "minor", "colon", "no major", "5000", "major"],
)
def test_a_malformed_line_is_left_out(line: str) -> None:
    table = MountTable(ROOT + line + CGROUP2)
    assert [mount.id for mount in table.of_kind("cgroup2")] == ["30"]
    assert held(table, "/sys/fs/cgroup") == "30"
