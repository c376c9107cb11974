# SPDX-License-Identifier: Apache-2.0
"""Each refusal with its whole message; on files of our own in place of the kernel's."""

import os
from pathlib import Path

import pytest

from ocihook._bpf.kernel_btf import NoKernelBtf
from ocihook.errors import SchedulerUnavailable, SystemCallError
from ocihook.sched import probe

RELEASE = os.uname().release
CGROUP2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev - cgroup2 cgroup2 rw,nsdelegate\n"
CGROUP_V1 = "30 23 0:26 / /sys/fs/cgroup ro,nosuid shared:4 master:1 - tmpfs tmpfs ro,mode=755\n"
BPFFS = "34 23 0:30 / /sys/fs/bpf rw,nosuid shared:9 - bpf bpf rw,mode=700\n"
ROOT = "23 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"


@pytest.fixture
def sched_ext(tmp_path: Path) -> Path:
    """/sys/kernel/sched_ext of a kernel that runs no scheduler."""
    directory = tmp_path / "sched_ext"
    directory.mkdir()
    (directory / "state").write_text("disabled\n")
    return directory


def run_ops(sched_ext: Path, name: str) -> None:
    (sched_ext / "state").write_text("enabled\n")
    (sched_ext / "root").mkdir()
    (sched_ext / "root" / "ops").write_text(f"{name}\n")


def mounts(tmp_path: Path, *lines: str) -> str:
    path = tmp_path / "mountinfo"
    path.write_bytes("".join((ROOT, *lines)).encode())
    return str(path)


def test_kernel_without_sched_ext(tmp_path: Path) -> None:
    absent = str(tmp_path / "sched_ext")
    assert not probe.supported(absent)
    with pytest.raises(SchedulerUnavailable) as refusal:
        probe.require_sched_ext(absent)
    assert refusal.value.args[0] == f"kernel {RELEASE} has no sched_ext"
    assert refusal.value.hint == (
        "boot a kernel built with CONFIG_SCHED_CLASS_EXT=y; Debian's own has it from 6.16 on, in"
        " trixie-backports"
    )
    assert refusal.value.exit_code == os.EX_UNAVAILABLE


def test_no_sysfs_says_nothing_of_the_kernel(tmp_path: Path) -> None:
    with pytest.raises(SchedulerUnavailable) as refusal:
        probe.require_sched_ext(str(tmp_path / "kernel/sched_ext"))
    assert str(refusal.value) == (
        f"{tmp_path}/kernel is not there: no sysfs is mounted, or something else is mounted over"
        " it (mount -t sysfs sysfs /sys, or unmount what covers it)"
    )


def test_kernel_with_sched_ext(sched_ext: Path) -> None:
    assert probe.supported(str(sched_ext))
    assert probe.kernel_state(str(sched_ext)) == "disabled"
    assert probe.running_ops(str(sched_ext)) is None
    probe.require_sched_ext(str(sched_ext))
    probe.require_no_other(str(sched_ext))


@pytest.mark.parametrize("name", ["ocihook", "ocihook_1.0.2_x86_64_unknown_linux_gnu"])
def test_our_scheduler_is_no_other(sched_ext: Path, name: str) -> None:
    run_ops(sched_ext, name)
    assert probe.running_ops(str(sched_ext)) == name
    assert probe.is_ours(name)
    probe.require_no_other(str(sched_ext))


@pytest.mark.parametrize("name", ["lavd", "ocihooks", "rusty_1.0_ocihook"])
def test_another_scheduler(sched_ext: Path, name: str) -> None:
    run_ops(sched_ext, name)
    assert not probe.is_ours(name)
    with pytest.raises(SchedulerUnavailable) as refusal:
        probe.require_no_other(str(sched_ext))
    assert refusal.value.args[0] == f"another sched_ext scheduler runs: {name}"
    assert refusal.value.hint == "stop it first; the kernel runs one at a time"


@pytest.mark.parametrize("char", ["", "\r", "\f", "\x85", "\u2028"], ids=ascii)
def test_host_as_expected(tmp_path: Path, char: str) -> None:
    """Whatever else is mounted, under any name."""
    sshfs = f"99 23 0:44 / /mnt/a{char}b rw - fuse.sshfs host:/ rw\n"
    probe.require_host(mounts=mounts(tmp_path, sshfs, CGROUP2, BPFFS))


@pytest.mark.parametrize(
    ("lines", "message", "hint"),
    [
        (
            [CGROUP_V1, BPFFS],
            "/sys/fs/cgroup is tmpfs, not cgroup2",
            "boot with the unified hierarchy: systemd.unified_cgroup_hierarchy=1",
        ),
        (
            [BPFFS],
            "/sys/fs/cgroup is not mounted, not cgroup2",
            "boot with the unified hierarchy: systemd.unified_cgroup_hierarchy=1",
        ),
        (
            [CGROUP2],
            "/sys/fs/bpf is not mounted, not bpffs",
            "mount -t bpf -o mode=0700 bpf /sys/fs/bpf",
        ),
        (
            [CGROUP2, BPFFS, "35 34 0:31 / /sys/fs/bpf rw - tmpfs tmpfs rw\n"],
            "the bpffs at /sys/fs/bpf is covered by tmpfs at /sys/fs/bpf",
            "umount /sys/fs/bpf",
        ),
        (
            [CGROUP2, BPFFS, "35 23 0:31 / /sys rw - sysfs sysfs rw\n"],
            "the cgroup2 at /sys/fs/cgroup is covered by sysfs at /sys",
            "umount /sys",
        ),
        (
            [CGROUP2, "35 30 0:31 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n", BPFFS],
            "the cgroup2 at /sys/fs/cgroup is covered by tmpfs at /sys/fs/cgroup",
            "umount /sys/fs/cgroup",
        ),
    ],
    ids=["cgroup-v1", "no-cgroup", "no-bpffs", "covered-bpffs", "covered-sys", "covered-cgroup2"],
)
def test_host_that_is_not(tmp_path: Path, lines: list[str], message: str, hint: str) -> None:
    with pytest.raises(SchedulerUnavailable) as refusal:
        probe.require_host(mounts=mounts(tmp_path, *lines))
    assert (refusal.value.args[0], refusal.value.hint) == (message, hint)


def test_kernel_without_btf(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> str | None:
        raise NoKernelBtf

    monkeypatch.setattr(probe, "malformed_kfunc", absent)
    with pytest.raises(SchedulerUnavailable) as refusal:
        probe.require_sound_btf()
    assert refusal.value.args[0] == "the kernel has no BTF"
    assert refusal.value.hint == "boot a kernel built with CONFIG_DEBUG_INFO_BTF=y"


def test_kernel_with_malformed_btf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "malformed_kfunc", lambda: "scx_bpf_kick_cpu")
    with pytest.raises(SchedulerUnavailable) as refusal:
        probe.require_sound_btf()
    assert refusal.value.args[0] == (
        f"the BTF of kernel {RELEASE} is malformed: scx_bpf_kick_cpu has a hidden parameter"
    )
    assert refusal.value.hint == (
        "no sched_ext scheduler can load on this build; trixie-backports' 7.1 and 7.2 are known"
        " for it, boot 6.18 or 7.3"
    )


def test_kernel_with_sound_btf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "malformed_kfunc", lambda: None)
    probe.require_sound_btf()


PROBES = [
    "require_sched_ext",
    "require_host",
    "require_few_cpus",
    "require_no_isolation",
    "require_no_other",
    "require_sound_btf",
]


@pytest.mark.parametrize(
    ("words", "cpus"),
    [
        ("root=/dev/vda1 quiet", None),
        ("isolcpus=1", "1"),
        ("isolcpus=1-3,7 quiet", "1-3,7"),
        ("isolcpus=domain,2", "2"),
        ("isolcpus=nohz,domain,managed_irq,1-3", "1-3"),
        ("isolcpus=nohz,1", None),
        ("isolcpus=managed_irq,1-3", None),
        ("isolcpus=1 isolcpus=2", "2"),
        ("isolcpus=", None),
        ("isolcpus", None),
        ('"isolcpus=1"', "1"),
        ('isolcpus="1"', "1"),
        ("quiet\fisolcpus=1", "1"),
        ('x="a isolcpus=1"', None),
        ("quiet -- isolcpus=1", None),
        ("x=a\u2028isolcpus=1", None),
        ("rcu_nocbs=1 nohz_full=1", None),
    ],
)
def test_what_isolcpus_takes_out(tmp_path: Path, words: str, cpus: str | None) -> None:
    cmdline = tmp_path / "cmdline"
    cmdline.write_text(f"BOOT_IMAGE=/vmlinuz {words}\n")
    assert probe.isolated_at_boot(str(cmdline)) == cpus
    if cpus is None:
        probe.require_no_isolation(str(cmdline))
        return
    with pytest.raises(SchedulerUnavailable) as refusal:
        probe.require_no_isolation(str(cmdline))
    assert refusal.value.args[0] == (
        f"the kernel was booted with isolcpus={cpus}, and sched_ext does not run beside that"
    )
    assert "cpuset.cpus.partition" in refusal.value.hint


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which probes were made, in order; each succeeds."""
    names: list[str] = []
    for name in PROBES:
        monkeypatch.setattr(probe, name, lambda name=name: names.append(name))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return names


def test_everything_is_probed(asked: list[str]) -> None:
    probe.require_all()
    assert asked == PROBES


def test_everything_but_what_takes_long_is_probed(asked: list[str]) -> None:
    probe.require_all_but_btf()
    assert asked == [name for name in PROBES if name != "require_sound_btf"]


def test_an_ordinary_user_learns_first_that_the_kernel_cannot(
    asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(SystemCallError) as refusal:
        probe.require_all()
    assert refusal.value.args[0] == "loading a scheduler: operation not permitted"
    assert refusal.value.hint == "run this command as root"
    assert refusal.value.exit_code == os.EX_NOPERM
    assert asked == ["require_sched_ext"]


@pytest.mark.parametrize("failing", PROBES)
def test_the_first_refusal_ends_it(
    asked: list[str], monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    def refuse() -> None:
        raise SchedulerUnavailable(failing)

    monkeypatch.setattr(probe, failing, refuse)
    with pytest.raises(SchedulerUnavailable, match=failing):
        probe.require_all()
    assert asked == PROBES[: PROBES.index(failing)]


@pytest.mark.parametrize(
    ("text", "cpus", "mask"),
    [
        ("1-3,7\n", "1-3,7", 0b1000_1110),
        ("1-1024\n", "1-1024", 0),  # more than the ABI can name
        ("(null)\n", None, 0),
        ("\n", None, 0),
        (None, None, 0),
    ],
)
def test_which_cpus_have_no_tick(
    tmp_path: Path, text: str | None, cpus: str | None, mask: int
) -> None:
    nohz_full = tmp_path / "nohz_full"
    if text is not None:
        nohz_full.write_text(text)
    assert probe.tickless_at_boot(str(nohz_full)) == cpus
    assert probe.tickless_cpus(str(nohz_full)) == mask
    assert (probe.lost_ticklessness(str(nohz_full)) is None) == (cpus is None)
