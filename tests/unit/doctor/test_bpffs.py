# SPDX-License-Identifier: Apache-2.0
"""`ocihook doctor`: where pins are."""

import pytest
from fake_host import BPFFS, CGROUP2, ROOT, FakeHost


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ((ROOT, CGROUP2), "nothing is mounted at /sys/fs/bpf"),
        ((ROOT, BPFFS.replace("- bpf bpf", "- tmpfs tmpfs")), "tmpfs is mounted at /sys/fs/bpf"),
        ((ROOT, BPFFS.replace("/sys/fs/bpf", "/run/b\\040pf")),
         "nothing is mounted at /sys/fs/bpf, bpffs at /run/b pf"),
    ],
)  # fmt: skip
def test_bpffs_is_not_there(fake: FakeHost, lines: tuple[str, ...], said: str) -> None:
    fake.mounts(*lines)
    assert fake.bad("bpffs") == [
        ("error", "mount", f"/proc/self/mountinfo: {said}", "mount -t bpf bpf /sys/fs/bpf")
    ]


def test_pins_that_others_can_reach(fake: FakeHost) -> None:
    fake.path("/sys/fs/bpf/ocihook").chmod(0o755)
    ((verdict, name, evidence, mend),) = fake.bad("bpffs")
    assert (verdict, name) == ("warning", "access")
    assert "mode 0755" in evidence
    assert mend.endswith("chmod 0700 /sys/fs/bpf/ocihook")


def test_nothing_is_pinned_yet(fake: FakeHost) -> None:
    fake.no_scheduler()
    fake.path("/sys/fs/bpf/ocihook").rmdir()
    assert fake.bad("bpffs") == []
