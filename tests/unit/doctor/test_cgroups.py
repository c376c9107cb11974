# SPDX-License-Identifier: Apache-2.0
"""`ocihook doctor`: the hierarchies that are mounted."""

import pytest
from fake_host import CGROUP2, ROOT, FakeHost

V1_CPU = "31 30 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
UNIFIED = CGROUP2.replace("30 23", "45 63").replace("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
TMPFS = "30 23 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755\n"


@pytest.mark.parametrize(
    ("lines", "verdict", "said"),
    [
        ((TMPFS, V1_CPU, CGROUP2.replace("/sys/fs/cgroup", "/sys/fs/cgroup/unified")), "error",
         "hybrid: cgroup2 is at /sys/fs/cgroup/unified, cpu on v1"),
        ((TMPFS, V1_CPU), "error", "cgroup v1 alone, cpu on v1"),
        ((CGROUP2, V1_CPU), "error", "hybrid: cgroup2 is at /sys/fs/cgroup, cpu on v1"),
        ((CGROUP2, V1_CPU.replace("cpu,cpuacct", "net_cls")), "note", "cgroup v1 is also at"),
        ((), "error", "no cgroup file system is mounted"),
        ((TMPFS.replace("30 23", "63 23"), V1_CPU, UNIFIED, CGROUP2.replace("30 23", "64 63")),
         "error", "hybrid: cgroup2 is at /sys/fs/cgroup/unified, /sys/fs/cgroup, cpu on v1"),
    ],
    ids=["hybrid", "v1", "v2 without cpu", "net_cls beside", "none", "covered hybrid"],
)  # fmt: skip
def test_layout_of_cgroups(fake: FakeHost, lines: tuple[str, ...], verdict: str, said: str) -> None:
    fake.mounts(ROOT, *lines)
    ((seen, name, evidence, mend),) = fake.bad("cgroups")
    assert (seen, name) == (verdict, "layout")
    assert said in evidence
    assert ("unified_cgroup_hierarchy=1" in mend) == (verdict == "error")


def test_controllers(fake: FakeHost) -> None:
    fake.write("/sys/fs/cgroup/cgroup.subtree_control", "memory pids\n")
    ((verdict, name, evidence, _),) = fake.bad("cgroups")
    assert (verdict, name) == ("note", "controllers")
    assert "cpu and cpuset off until somebody needs it" in evidence
    fake.write("/sys/fs/cgroup/cgroup.controllers", "cpuset memory pids\n")
    ((verdict, name, evidence, _),) = fake.bad("cgroups")
    assert (verdict, name) == ("warning", "controllers")
    assert "/sys/fs/cgroup/cgroup.controllers: no cpu;" in evidence


def test_cgroup_namespace_of_a_container(fake: FakeHost) -> None:
    fake.link("/proc/self/ns/cgroup", "cgroup:[4026532255]")
    ((verdict, name, evidence, mend),) = fake.bad("cgroups")
    assert (verdict, name, mend) == ("note", "namespace", "run this command on the host")
    assert "cgroup:[4026532255]" in evidence


def test_cgroup2_over_a_hybrid_without_controllers(fake: FakeHost) -> None:
    """The mount that a path leads to counts, wherever it stands in the table."""
    fake.mounts(ROOT, UNIFIED, TMPFS.replace("30 23", "63 23"), CGROUP2.replace("30 23", "64 63"))
    assert fake.bad("cgroups") == []


@pytest.mark.parametrize(
    ("cover", "said", "mend"),
    [
        ("77 30 0:66 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n", "tmpfs at /sys/fs/cgroup",
         "umount /sys/fs/cgroup"),
        ("77 23 0:66 / /sys rw - sysfs sysfs rw\n", "sysfs at /sys", "umount /sys"),
    ],
)  # fmt: skip
def test_covered_cgroup2(fake: FakeHost, cover: str, said: str, mend: str) -> None:
    fake.mounts(ROOT, CGROUP2, cover)
    ((verdict, name, evidence, mended),) = fake.bad("cgroups")
    assert (verdict, name, mended) == ("error", "layout", mend)
    assert evidence == f"/proc/self/mountinfo: {said} covers the cgroup2 at /sys/fs/cgroup"
