# SPDX-License-Identifier: Apache-2.0
"""Find out whether the scheduler can run here. Each refusal is one sentence, with a hint."""

import errno
import os

from ocihook import cpulist, mountinfo, procfs, topology
from ocihook._bpf.kernel_btf import NoKernelBtf, malformed_kfunc
from ocihook.errors import CpulistError, SchedulerUnavailable, SystemCallError
from ocihook.paths import BPFFS, CGROUPFS, SCHED_EXT
from ocihook.sched import command_line

OPS_NAME = "ocihook"
"""The name of our struct_ops, as the kernel reports it."""

NOHZ_FULL = "/sys/devices/system/cpu/nohz_full"


def supported(sched_ext: str = SCHED_EXT) -> bool:
    """Return whether the kernel has the sched_ext class."""
    return os.path.isdir(sched_ext)


def kernel_state(sched_ext: str = SCHED_EXT) -> str:
    """Return the class's state: ``disabled``, ``enabling``, ``enabled``, ``disabling``."""
    return procfs.read(f"{sched_ext}/state").strip(procfs.BLANKS)


def running_ops(sched_ext: str = SCHED_EXT) -> str | None:
    """Return the name of the scheduler that runs, or None.

    The kernel shows it as the directory ``root`` while one is attached. The name may carry the
    version that the scheduler's own build added.
    """
    try:
        return procfs.read(f"{sched_ext}/root/ops").strip(procfs.BLANKS)
    except OSError:
        return None


def is_ours(ops: str | None) -> bool:
    """Return whether a name that :func:`running_ops` gave is our scheduler's."""
    return ops is not None and ops.split("_")[0] == OPS_NAME


def require_sched_ext(sched_ext: str = SCHED_EXT) -> None:
    """Raise unless the kernel has sched_ext.

    Raises:
        SchedulerUnavailable: it does not, or sysfs is not there to say so.
    """
    require_sysfs(sched_ext)
    if not supported(sched_ext):
        raise SchedulerUnavailable(
            f"kernel {os.uname().release} has no sched_ext",
            "boot a kernel built with CONFIG_SCHED_CLASS_EXT=y; Debian's own has it from 6.16 on,"
            " in trixie-backports",
        )


def require_sysfs(sched_ext: str = SCHED_EXT) -> None:
    """Raise unless sysfs is there to say whether the kernel has sched_ext, and what runs.

    Raises:
        SchedulerUnavailable: it is not.
    """
    if not os.path.isdir(os.path.dirname(sched_ext)):
        raise SchedulerUnavailable(
            f"{os.path.dirname(sched_ext)} is not there: no sysfs is mounted, or something else is"
            " mounted over it",
            "mount -t sysfs sysfs /sys, or unmount what covers it",
        )


def require_no_other(sched_ext: str = SCHED_EXT) -> None:
    """Raise where a scheduler runs that is not ours.

    Raises:
        SchedulerUnavailable: there is one; the message has its name.
    """
    ops = running_ops(sched_ext)
    if ops is not None and not is_ours(ops):
        raise SchedulerUnavailable(
            f"another sched_ext scheduler runs: {ops}",
            "stop it first; the kernel runs one at a time",
        )


def require_host(
    cgroupfs: str = CGROUPFS, bpffs: str = BPFFS, mounts: str = mountinfo.SELF
) -> None:
    """Raise unless cgroup2 and bpffs are where they are expected.

    Raises:
        SchedulerUnavailable: one of them is not.
    """
    table = mountinfo.read(mounts)
    _require_mount(
        table,
        cgroupfs,
        "cgroup2",
        "boot with the unified hierarchy: systemd.unified_cgroup_hierarchy=1",
    )
    _require_mount(table, bpffs, "bpf", f"mount -t bpf -o mode=0700 bpf {bpffs}")


def _require_mount(table: mountinfo.MountTable, path: str, kind: str, mend: str) -> None:
    found = table.at(path)
    if found is not None and found.kind == kind:
        return
    name = {"bpf": "bpffs"}.get(kind, kind)
    cover = table.holding(path)
    if cover is not None and table.covered_at(path, kind) is not None:
        raise SchedulerUnavailable(
            f"the {name} at {path} is covered by {cover.kind} at {cover.point}",
            f"umount {cover.point}",
        )
    there = found.kind if found is not None else "not mounted"
    raise SchedulerUnavailable(f"{path} is {there}, not {name}", mend)


def require_few_cpus(possible: str = topology.POSSIBLE) -> None:
    """Raise if the machine may have more CPUs than the ABI can name.

    Raises:
        SchedulerUnavailable: it may; the message has the last one's number.
        SystemCallError: the kernel does not say.
    """
    topology.possible_cpus(possible)


def isolated_at_boot(cmdline: str = "/proc/cmdline") -> str | None:
    """Return the CPUs that ``isolcpus=`` takes out of all scheduling domains, as it names them.

    None if it is not there, or takes them out of something else: ``isolcpus=managed_irq,1`` does
    (kernel/sched/isolation.c, housekeeping_isolcpus_setup). A kernel takes the last one.
    """
    found = None
    for name, value in command_line.parameters(procfs.read(cmdline)):
        if name != "isolcpus":
            continue
        flags = [part for part in value.split(",") if part[:1].isalpha()]
        cpus = [part for part in value.split(",") if part[:1].isdigit()]
        isolates = bool(cpus) and (not flags or "domain" in flags)
        found = ",".join(cpus) if isolates else None
    return found


def require_no_isolation(cmdline: str = "/proc/cmdline") -> None:
    """Raise where CPUs were isolated at boot: sched_ext answers EINVAL then.

    Raises:
        SchedulerUnavailable: some were; the message has their list.
    """
    cpus = isolated_at_boot(cmdline)
    if cpus is not None:
        raise SchedulerUnavailable(
            f"the kernel was booted with isolcpus={cpus}, and sched_ext does not run beside that",
            "boot without it; a cpuset isolates CPUs at run time, and is no obstacle: write"
            " isolated to its cpuset.cpus.partition",
        )


def tickless_at_boot(nohz_full: str = NOHZ_FULL) -> str | None:
    """Return the CPUs that ``nohz_full=`` lets run without a tick, as the kernel lists them.

    None if there are none: the file is absent, empty or says ``(null)`` (drivers/base/cpu.c).
    """
    try:
        cpus = procfs.read(nohz_full).strip(procfs.BLANKS)
    except OSError:
        return None
    return cpus if cpus[:1].isdigit() else None


def tickless_cpus(nohz_full: str = NOHZ_FULL) -> int:
    """Return the cpumask of these CPUs, without those beyond what the ABI can name."""
    try:
        return cpulist.parse(tickless_at_boot(nohz_full) or "")
    except CpulistError:
        return 0


def lost_ticklessness(nohz_full: str = NOHZ_FULL) -> tuple[str, str] | None:
    """Return a sentence and a hint about CPUs of ``nohz_full=``, or None if there are none."""
    cpus = tickless_at_boot(nohz_full)
    if cpus is None:
        return None
    return (
        f"CPUs {cpus} have nohz_full=, and are interrupted all the same while the scheduler runs:"
        " by a tick, or by a timer where the kernel leaves the tick off",
        "stop the scheduler if a task must run there without interrupts",
    )


def require_sound_btf() -> None:
    """Raise where the kernel's BTF does not allow any sched_ext scheduler.

    Raises:
        SchedulerUnavailable: there is none, or its kfuncs are malformed.
    """
    try:
        kfunc = malformed_kfunc()
    except NoKernelBtf:
        raise SchedulerUnavailable(
            "the kernel has no BTF", "boot a kernel built with CONFIG_DEBUG_INFO_BTF=y"
        ) from None
    if kfunc is not None:
        raise SchedulerUnavailable(
            f"the BTF of kernel {os.uname().release} is malformed: {kfunc} has a hidden parameter",
            "no sched_ext scheduler can load on this build; trixie-backports' 7.1 and 7.2 are"
            " known for it, boot 6.18 or 7.3",
        )


def require_all_but_btf() -> None:
    """Run the probes that cost next to nothing, the cheapest first.

    Raises:
        SchedulerUnavailable: as soon as one fails.
        SystemCallError: this is not root.
    """
    require_sched_ext()
    if os.geteuid() != 0:
        raise SystemCallError("loading a scheduler", errno.EPERM, "run this command as root")
    require_host()
    require_few_cpus()
    require_no_isolation()
    require_no_other()


def require_all() -> None:
    """Run every probe, the cheapest first.

    Raises:
        SchedulerUnavailable: as soon as one fails.
        SystemCallError: this is not root.
    """
    require_all_but_btf()
    require_sound_btf()
