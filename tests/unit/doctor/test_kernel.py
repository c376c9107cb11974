# SPDX-License-Identifier: Apache-2.0
"""`ocihook doctor`: the kernel, on hosts that are a directory each."""

import gzip
import os

import pytest
from fake_host import BPFFS, CGROUP2, ROOT, FakeHost

from ocihook import topology
from ocihook._bpf.kernel_btf import NoKernelBtf
from ocihook.doctor.host import Host
from ocihook.doctor.kernel import check

NO_SCHED_EXT = "kernel 6.18.5+deb14-amd64 has no sched_ext"


def test_healthy_host(fake: FakeHost) -> None:
    assert fake.bad("kernel", "bpffs", "cgroups") == []


def test_this_kernel() -> None:
    """The real one: every check comes to a verdict."""
    found = {each.name: each for each in check(Host())}
    assert list(found) == ["privileges", "sched_ext", "cpus", "isolcpus", "nohz_full", "btf"]
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
        ("/proc/config.gz", gzip.compress(b"# see CONFIG_SCHED_CLASS_EXT =\nCONFIG_X=y\n"),
         "; /proc/config.gz: no CONFIG_SCHED_CLASS_EXT"),
        ("/proc/config.gz", b"\x1f\x8bcut", ""),
        ("/proc/config.gz", gzip.compress(b"CONFIG_BPF=y\n")[:10] + b"\xff" * 9, ""),
    ],
    ids=["off", "on but not there", "too old for it", "named in passing", "unreadable", "damaged"],
)  # fmt: skip
def test_kernel_without_sched_ext(fake: FakeHost, path: str, content: bytes, said: str) -> None:
    fake.no_sched_ext()
    fake.write(path, content)
    ((verdict, name, evidence, mend),) = fake.bad("kernel")
    assert (verdict, name, evidence) == ("error", "sched_ext", NO_SCHED_EXT + said)
    assert mend.startswith("boot a kernel built with CONFIG_SCHED_CLASS_EXT=y")


def test_no_sysfs(fake: FakeHost) -> None:
    """The kernel may have everything; without sysfs nothing tells."""
    fake.no_sched_ext()
    fake.path("/sys/kernel").rmdir()
    (found,) = [each for each in fake.bad("kernel") if each[1] == "sched_ext"]
    assert found == (
        "error",
        "sched_ext",
        "/sys/kernel is not there: no sysfs is mounted, or something else is mounted over it",
        "mount -t sysfs sysfs /sys, or unmount what covers it",
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "0-1151\n",
            ("error", " goes to CPU 1151, and ocihook to CPU 1023",
             "boot with nr_cpus=1024, which leaves the other CPUs unused"),
        ),
        (None, ("skipped", ": no such file or directory", "mount sysfs at /sys")),
    ],
    ids=["too many", "no sysfs"],
)  # fmt: skip
def test_number_of_cpus(fake: FakeHost, text: str | None, found: tuple[str, str, str]) -> None:
    path = fake.write(topology.POSSIBLE, text or "")
    if text is None:
        path.unlink()
    verdict, said, mend = found
    assert fake.bad("kernel") == [(verdict, "cpus", f"{topology.POSSIBLE}{said}", mend)]


def test_cpus_that_were_isolated_at_boot(fake: FakeHost) -> None:
    fake.write("/proc/cmdline", "root=/dev/vda1 isolcpus=nohz,domain,1-3,7 quiet\n")
    ((verdict, name, evidence, mend),) = fake.bad("kernel")
    assert (verdict, name) == ("error", "isolcpus")
    assert "booted with isolcpus=1-3,7, and sched_ext does not run" in evidence
    assert "cpuset.cpus.partition" in mend


def test_cpus_without_a_tick(fake: FakeHost) -> None:
    fake.write("/sys/devices/system/cpu/nohz_full", "1-3\n")
    ((verdict, name, evidence, mend),) = fake.bad("kernel")
    assert (verdict, name) == ("warning", "nohz_full")
    assert "CPUs 1-3 have nohz_full=, and are interrupted all the same" in evidence
    assert mend == "stop the scheduler if a task must run there without interrupts"


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


@pytest.mark.parametrize("how", ["invisible", "2", "ptraceable"])
def test_procfs_that_hides_processes(fake: FakeHost, how: str) -> None:
    proc = "25 23 0:22 / /proc rw,nosuid shared:13 - proc proc rw"
    fake.mounts(ROOT, CGROUP2, BPFFS, f"{proc},hidepid={how}\n")
    (found,) = [each for each in fake.findings("kernel") if each.name == "procfs"]
    assert (found.verdict, found.mend.rpartition(": ")[2]) == (
        "note",
        "mount -o remount,hidepid=0 /proc",
    )
    assert f"/proc has hidepid={how}: " in found.evidence
    for harmless in (proc, f"{proc},hidepid=off", f"{proc},gid=5"):
        fake.mounts(ROOT, CGROUP2, BPFFS, f"{harmless}\n")
        assert [each for each in fake.findings("kernel") if each.name == "procfs"] == []
