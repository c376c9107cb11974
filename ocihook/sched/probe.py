# SPDX-License-Identifier: Apache-2.0
"""Find out whether the scheduler can run here. Each refusal is one sentence, with a hint."""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ocihook._bpf.kernel_btf import NoKernelBtf, malformed_kfunc
from ocihook.errors import AbiMismatch, SchedulerUnavailable, SystemCallError
from ocihook.paths import BPFFS, CGROUPFS, PIN_DIR, PIN_ROOT, SCHED_EXT

OPS_NAME = "ocihook"
"""The name of our struct_ops, as the kernel reports it."""

NOHZ_FULL = "/sys/devices/system/cpu/nohz_full"


def supported(sched_ext: str = SCHED_EXT) -> bool:
    """Return whether the kernel has the sched_ext class."""
    return os.path.isdir(sched_ext)


def kernel_state(sched_ext: str = SCHED_EXT) -> str:
    """Return the class's state: ``disabled``, ``enabling``, ``enabled``, ``disabling``."""
    return Path(sched_ext, "state").read_text().strip()


def running_ops(sched_ext: str = SCHED_EXT) -> str | None:
    """Return the name of the scheduler that runs, or None.

    The kernel shows it as the directory ``root`` while one is attached. The name may carry the
    version that the scheduler's own build added.
    """
    try:
        return Path(sched_ext, "root", "ops").read_text().strip()
    except OSError:
        return None


def is_ours(ops: str | None) -> bool:
    """Return whether a name that :func:`running_ops` gave is our scheduler's."""
    return ops is not None and ops.split("_")[0] == OPS_NAME


def mount_type(path: str, mountinfo: str = "/proc/self/mountinfo") -> str | None:
    """Return the type of the file system mounted at ``path``, the topmost one, or None.

    proc(5): after the separator ``-`` comes the type.
    """
    found = None
    with open(mountinfo, encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            before, _, after = line.partition(" - ")
            if before.split()[4] == path:
                found = after.split()[0]
    return found


def require_sched_ext(sched_ext: str = SCHED_EXT) -> None:
    """Raise unless the kernel has sched_ext.

    Raises:
        SchedulerUnavailable: it does not.
    """
    if not supported(sched_ext):
        raise SchedulerUnavailable(
            f"kernel {os.uname().release} has no sched_ext",
            "boot a kernel built with CONFIG_SCHED_CLASS_EXT=y; Debian's own has it from 6.16 on,"
            " in trixie-backports",
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


def require_own_abi(pin_root: str = PIN_ROOT, pin_dir: str = PIN_DIR) -> None:
    """Raise where a scheduler of ours runs that has another ABI's pins alone.

    Its pins are in a directory that this version does not look into, as if there were none.

    Raises:
        AbiMismatch: there is one; the message has its directory.
    """
    if not is_ours(running_ops()):
        return
    try:
        pinned = sorted(os.listdir(pin_root))
    except OSError:
        return  # nothing is pinned, or nobody knows
    others = [f"{pin_root}/{name}" for name in pinned if re.fullmatch(r"v\d+", name)]
    if others and pin_dir not in others:
        raise AbiMismatch(
            f"an ocihook scheduler of another version runs, pinned in {', '.join(others)}",
            "stop it with that version, or remove the directory; then: ocihook scheduler start",
        )


@contextmanager
def explained() -> Iterator[None]:
    """Have an error that ours is not there say why it is not, where the kernel has no place for it.

    Raises:
        SchedulerUnavailable: the kernel has no sched_ext, or another scheduler runs, or as it was.
        AbiMismatch: ours runs, and has another ABI.
    """
    try:
        yield
    except SchedulerUnavailable:
        require_sched_ext()
        require_no_other()
        require_own_abi()
        raise


def require_host(
    cgroupfs: str = CGROUPFS, bpffs: str = BPFFS, mountinfo: str = "/proc/self/mountinfo"
) -> None:
    """Raise unless cgroup2 and bpffs are where they are expected.

    Raises:
        SchedulerUnavailable: one of them is not.
    """
    kind = mount_type(cgroupfs, mountinfo)
    if kind != "cgroup2":
        raise SchedulerUnavailable(
            f"{cgroupfs} is {kind or 'not mounted'}, not cgroup2",
            "boot with the unified hierarchy: systemd.unified_cgroup_hierarchy=1",
        )
    if mount_type(bpffs, mountinfo) != "bpf":
        raise SchedulerUnavailable(f"no bpffs is mounted at {bpffs}", f"mount -t bpf bpf {bpffs}")


def isolated_at_boot(cmdline: str = "/proc/cmdline") -> str | None:
    """Return the CPUs that ``isolcpus=`` takes out of all scheduling domains, as it names them.

    None if it is not there, or takes them out of something else: ``isolcpus=managed_irq,1`` does
    (kernel/sched/isolation.c, housekeeping_isolcpus_setup). A kernel takes the last one.
    """
    found = None
    for word in Path(cmdline).read_text(errors="surrogateescape").split():
        name, _, value = word.strip('"').partition("=")
        if name != "isolcpus":
            continue
        flags = [part for part in value.strip('"').split(",") if part[:1].isalpha()]
        cpus = [part for part in value.strip('"').split(",") if part[:1].isdigit()]
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
        cpus = Path(nohz_full).read_text(errors="replace").strip()
    except OSError:
        return None
    return cpus if cpus[:1].isdigit() else None


def lost_ticklessness(nohz_full: str = NOHZ_FULL) -> tuple[str, str] | None:
    """Return a sentence and a hint about CPUs of ``nohz_full=``, or None if there are none."""
    cpus = tickless_at_boot(nohz_full)
    if cpus is None:
        return None
    return (
        f"CPUs {cpus} have nohz_full=, and keep their tick while the scheduler runs:"
        " it ends slices by it",
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
