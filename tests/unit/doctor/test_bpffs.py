# SPDX-License-Identifier: Apache-2.0
"""`ocihook doctor`: where pins are."""

import os

import pytest
from fake_host import BPFFS, CGROUP2, ROOT, FakeHost
from situations import covered_bpffs


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ((ROOT, CGROUP2), "nothing is mounted at /sys/fs/bpf"),
        ((ROOT, BPFFS.replace("- bpf bpf", "- tmpfs tmpfs")), "tmpfs is mounted at /sys/fs/bpf"),
        ((ROOT, BPFFS.replace("/sys/fs/bpf", "/run/b\\040pf")),
         "nothing is mounted at /sys/fs/bpf, bpffs at /run/b pf"),
        ((ROOT, BPFFS.replace("/sys/fs/bpf", "/run/b\r\u2028pf")),
         "nothing is mounted at /sys/fs/bpf, bpffs at /run/b\r\u2028pf"),
    ],
)  # fmt: skip
def test_bpffs_is_not_there(fake: FakeHost, lines: tuple[str, ...], said: str) -> None:
    fake.mounts(*lines)
    assert fake.bad("bpffs") == [
        (
            "error",
            "mount",
            f"/proc/self/mountinfo: {said}",
            "mount -t bpf -o mode=0700 bpf /sys/fs/bpf",
        )
    ]


def test_pins_that_others_can_reach(fake: FakeHost) -> None:
    fake.path("/sys/fs/bpf/ocihook").chmod(0o755)
    ((verdict, name, evidence, mend),) = fake.bad("bpffs")
    assert (verdict, name) == ("warning", "access")
    assert "mode 0755" in evidence
    assert mend == "chmod 0700 /sys/fs/bpf/ocihook"


def test_pins_of_somebody_else(fake: FakeHost) -> None:
    fake.become(administrator=os.geteuid() + 1)
    ((verdict, name, evidence, mend),) = fake.bad("bpffs")
    assert (verdict, name) == ("error", "access")
    assert f"owner {os.geteuid()}: somebody else's, so no pin counts" in evidence
    assert "chmod 0700 /sys/fs/bpf" in mend


def test_a_link_in_place_of_the_pins(fake: FakeHost) -> None:
    here = fake.path("/sys/fs/bpf/ocihook")
    here.rename(here.with_name("elsewhere"))
    here.symlink_to("elsewhere")
    ((verdict, name, evidence, _),) = fake.bad("bpffs")
    assert (verdict, name) == ("error", "access")
    assert evidence == "/sys/fs/bpf/ocihook: is no directory; no scheduler starts"


def test_nothing_is_pinned_yet(fake: FakeHost) -> None:
    fake.no_scheduler()
    fake.path("/sys/fs/bpf/ocihook").rmdir()
    assert fake.bad("bpffs") == []


def test_second_bpffs_over_the_one_with_the_pins(fake: FakeHost) -> None:
    covered_bpffs(fake)
    ((verdict, name, evidence, mend),) = fake.bad("bpffs")
    assert (verdict, name, mend) == ("note", "mount", "")
    assert "over another bpffs, and covers what was pinned there" in evidence
    assert fake.bad("scheduler") == [
        (
            "error",
            "pins",
            "/proc/self/mountinfo: an ocihook scheduler runs, and another bpffs at"
            " /sys/fs/bpf covers the bpffs with its pins; no hook finds it",
            "umount /sys/fs/bpf",
        )
    ]


def test_pins_in_the_upper_one_of_two_are_where_they_belong(fake: FakeHost) -> None:
    fake.mounts(ROOT, CGROUP2, BPFFS, BPFFS.replace("34 23", "77 34"))
    assert [each[:2] for each in fake.bad("bpffs", "scheduler")] == [("note", "mount")]


@pytest.mark.parametrize(
    ("cover", "said", "mend"),
    [
        ("77 34 0:66 / /sys/fs/bpf rw - tmpfs tmpfs rw\n", "tmpfs at /sys/fs/bpf",
         "umount /sys/fs/bpf"),
        ("77 23 0:66 / /sys rw - sysfs sysfs rw\n", "sysfs at /sys", "umount /sys"),
    ],
)  # fmt: skip
def test_covered_bpffs_is_uncovered_and_not_mounted_again(
    fake: FakeHost, cover: str, said: str, mend: str
) -> None:
    fake.mounts(ROOT, CGROUP2, BPFFS, cover)
    assert fake.bad("bpffs") == [
        ("error", "mount", f"/proc/self/mountinfo: {said} covers the bpffs at /sys/fs/bpf", mend)
    ]
