# SPDX-License-Identifier: Apache-2.0
"""`ocihook doctor`: kernel, bpffs and cgroups, on hosts that are a directory each."""

import gzip
import os
from pathlib import Path

import pytest
from fake_host import BPFFS, CGROUP2, ROOT, FakeHost

from ocihook._bpf.kernel_btf import NoKernelBtf
from ocihook.doctor.host import Host
from ocihook.doctor.kernel import check

NO_SCHED_EXT = "kernel 6.18.5+deb14-amd64 has no sched_ext"
V1_CPU = "31 30 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
TMPFS = "30 23 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755\n"


@pytest.fixture
def fake(tmp_path: Path) -> FakeHost:
    return FakeHost(tmp_path)


def test_healthy_host(fake: FakeHost) -> None:
    assert fake.bad("kernel", "bpffs", "cgroups") == []


def test_this_kernel() -> None:
    """The real one: every check comes to a verdict."""
    found = {each.name: each for each in check(Host())}
    assert list(found) == ["privileges", "sched_ext", "btf"]
    assert (found["sched_ext"].verdict == "ok") == os.path.isdir("/sys/kernel/sched_ext")


@pytest.mark.parametrize(
    ("path", "content", "said"),
    [
        ("/proc/config.gz", gzip.compress(b"# CONFIG_SCHED_CLASS_EXT is not set\n"),
         "; /proc/config.gz: # CONFIG_SCHED_CLASS_EXT is not set"),
        ("/boot/config-6.18.5+deb14-amd64", b"CONFIG_BPF=y\nCONFIG_SCHED_CLASS_EXT=y\n",
         "; /boot/config-6.18.5+deb14-amd64: CONFIG_SCHED_CLASS_EXT=y"),
        ("/proc/config.gz", gzip.compress(b"CONFIG_BPF=y\n"),
         "; /proc/config.gz: no CONFIG_SCHED_CLASS_EXT"),
        ("/proc/config.gz", b"\x1f\x8bcut", ""),
    ],
    ids=["off", "on but not there", "too old for it", "unreadable"],
)  # fmt: skip
def test_kernel_without_sched_ext(fake: FakeHost, path: str, content: bytes, said: str) -> None:
    fake.no_sched_ext()
    fake.write(path, content)
    ((verdict, name, evidence, mend),) = fake.bad("kernel")
    assert (verdict, name, evidence) == ("error", "sched_ext", NO_SCHED_EXT + said)
    assert mend.startswith("boot a kernel built with CONFIG_SCHED_CLASS_EXT=y")


def test_malformed_btf_is_named(fake: FakeHost) -> None:
    fake.btf = "scx_bpf_dsq_insert"
    ((verdict, name, evidence, mend),) = fake.bad("kernel")
    assert (verdict, name) == ("error", "btf")
    assert "scx_bpf_dsq_insert has a hidden parameter" in evidence
    assert "6.18 and 7.3 are sound" in mend


def test_kernel_without_btf(fake: FakeHost) -> None:
    fake.btf = NoKernelBtf()
    ((verdict, name, _, mend),) = fake.bad("kernel")
    assert (verdict, name) == ("error", "btf")
    assert mend == "boot a kernel built with CONFIG_DEBUG_INFO_BTF=y"


def test_who_looks(fake: FakeHost) -> None:
    fake.write("/proc/self/uid_map", "0 1000 1\n")
    ((verdict, name, evidence, _),) = fake.bad("kernel")
    assert (verdict, name) == ("note", "privileges")
    assert "root of a user namespace" in evidence
    fake.become(euid=1000)
    ((verdict, name, evidence, mend),) = fake.bad("kernel")
    assert (verdict, name, mend) == ("note", "privileges", "run this command as root")
    assert evidence.startswith("user 1000: ")


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


@pytest.mark.parametrize(
    ("lines", "verdict", "said"),
    [
        ((TMPFS, V1_CPU, CGROUP2.replace("/sys/fs/cgroup", "/sys/fs/cgroup/unified")), "error",
         "hybrid: cgroup2 is at /sys/fs/cgroup/unified, cpu on v1"),
        ((TMPFS, V1_CPU), "error", "cgroup v1 alone, cpu on v1"),
        ((CGROUP2, V1_CPU), "error", "hybrid: cgroup2 is at /sys/fs/cgroup, cpu on v1"),
        ((CGROUP2, V1_CPU.replace("cpu,cpuacct", "net_cls")), "note", "cgroup v1 is also at"),
        ((), "error", "no cgroup file system is mounted"),
    ],
    ids=["hybrid", "v1", "v2 without cpu", "net_cls beside", "none"],
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


def test_without_procfs(fake: FakeHost) -> None:
    fake.path("/proc/self/mountinfo").unlink()
    assert [each[:2] for each in fake.bad("bpffs", "cgroups")] == [
        ("skipped", "mount"),
        ("skipped", "layout"),
    ]
