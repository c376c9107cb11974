# SPDX-License-Identifier: Apache-2.0
"""The kernel: sched_ext, sound BTF; and whether the one who looks may see everything."""

import gzip
import os
import re
import zlib
from collections.abc import Iterator

from ocihook import mountinfo, procfs, topology
from ocihook._bpf.kernel_btf import NoKernelBtf
from ocihook.doctor.finding import Finding, Topic
from ocihook.doctor.host import Host
from ocihook.errors import SchedulerUnavailable, SystemCallError
from ocihook.paths import SCHED_EXT
from ocihook.sched import probe

TOPIC = Topic("kernel")

OPTION = "CONFIG_SCHED_CLASS_EXT"

_HIDING = frozenset(
    f"hidepid={how}" for how in ("1", "2", "4", "noaccess", "invisible", "ptraceable")
)
"""As the kernel shows it since 5.8, and before (fs/proc/root.c)."""

INITIAL_USER_NAMESPACE = ["0", "0", "4294967295"]
"""What /proc/self/uid_map says outside of every user namespace (user_namespaces(7))."""


def check(host: Host) -> Iterator[Finding]:
    """Look at the kernel, and at who looks."""
    yield _privileges(host)
    yield from _hidden_processes(host)
    yield _sched_ext(host)
    yield _cpus(host)
    yield _isolation(host)
    yield _ticklessness(host)
    yield _btf(host)


def _privileges(host: Host) -> Finding:
    if not host.privileged:
        return TOPIC.note(
            "privileges",
            f"user {host.euid}: what only root may see is skipped",
            "run this command as root",
        )
    mapping = host.text("/proc/self/uid_map")
    if mapping is not None and procfs.words(mapping) != INITIAL_USER_NAMESPACE:
        return TOPIC.note(
            "privileges",
            "/proc/self/uid_map: root of a user namespace, which may not use BPF",
            "run this command as root of the host",
        )
    return TOPIC.ok("privileges", "user 0: may look at everything")


def _hidden_processes(host: Host) -> Iterator[Finding]:
    try:
        proc = mountinfo.read(host.mountinfo).at("/proc")
    except OSError:
        return  # who needs the table says so
    hiding = [each for each in proc.options if each in _HIDING] if proc else []
    if hiding:
        yield TOPIC.note(
            "procfs",
            f"/proc/self/mountinfo: /proc has {hiding[0]}: from the hooks of an engine without"
            " CAP_SYS_PTRACE it hides containers of other users",
            "let the engine have it, or: mount -o remount,hidepid=0 /proc",
        )


def _sched_ext(host: Host) -> Finding:
    try:
        probe.require_sched_ext(host.sched_ext)
    except SchedulerUnavailable as refusal:
        if not host.exists(os.path.dirname(SCHED_EXT)):
            evidence = refusal.args[0].removeprefix(str(host.root).rstrip("/"))
            return TOPIC.error("sched_ext", evidence, refusal.hint)
        configured = _configured(host)
        evidence = f"kernel {host.release} has no sched_ext"
        if configured:
            evidence += f"; {configured}"
        return TOPIC.error("sched_ext", evidence, refusal.hint)
    return TOPIC.ok("sched_ext", f"kernel {host.release} has {SCHED_EXT}")


def _cpus(host: Host) -> Finding:
    root = str(host.root).rstrip("/")
    try:
        probe.require_few_cpus(str(host.path(topology.POSSIBLE)))
    except SchedulerUnavailable as refusal:
        return TOPIC.error("cpus", refusal.args[0].removeprefix(root), refusal.hint)
    except SystemCallError as error:
        return TOPIC.skipped("cpus", error.args[0].removeprefix(root), error.hint)
    return TOPIC.ok("cpus", f"{topology.POSSIBLE}: {host.text(topology.POSSIBLE)}")


def _isolation(host: Host) -> Finding:
    cmdline = host.path("/proc/cmdline")
    try:
        probe.require_no_isolation(str(cmdline))
    except SchedulerUnavailable as refusal:
        return TOPIC.error("isolcpus", f"/proc/cmdline: {refusal.args[0]}", refusal.hint)
    except OSError as error:
        return TOPIC.skipped("isolcpus", f"/proc/cmdline: {(error.strerror or '').lower()}")
    return TOPIC.ok("isolcpus", "/proc/cmdline: no CPU was isolated at boot")


def _ticklessness(host: Host) -> Finding:
    lost = probe.lost_ticklessness(str(host.path(probe.NOHZ_FULL)))
    if lost is not None:
        sentence, hint = lost
        return TOPIC.warning("nohz_full", f"{probe.NOHZ_FULL}: {sentence}", hint)
    return TOPIC.ok("nohz_full", f"{probe.NOHZ_FULL}: every CPU keeps its tick")


def _configured(host: Host) -> str:
    """Return what the kernel's configuration says of sched_ext, where there is one to read."""
    for path in ("/proc/config.gz", f"/boot/config-{host.release}"):
        try:
            data = host.path(path).read_bytes()
            text = (gzip.decompress(data) if path.endswith(".gz") else data).decode("ascii")
        except (OSError, EOFError, zlib.error, UnicodeDecodeError):
            continue
        said = re.compile(rf"(# )?{OPTION}[= ]")
        lines = (line for line in procfs.lines(text) if said.match(line))
        return f"{path}: {next(lines, f'no {OPTION}')}"
    return ""


def _btf(host: Host) -> Finding:
    try:
        kfunc = host.malformed_kfunc()
    except NoKernelBtf:
        return TOPIC.error(
            "btf",
            "/sys/kernel/btf/vmlinux: none to be read",
            "boot a kernel built with CONFIG_DEBUG_INFO_BTF=y",
        )
    if kfunc is not None:
        # sched-ext/scx pull requests 3562 and 3628.
        return TOPIC.error(
            "btf",
            f"/sys/kernel/btf/vmlinux of {host.release}: {kfunc} has a hidden parameter, so no"
            " sched_ext scheduler can load",
            "boot another build: trixie-backports' 7.1 and 7.2 are known for it, 6.18 and 7.3 are"
            " sound",
        )
    if not probe.supported(host.sched_ext):
        return TOPIC.ok("btf", "/sys/kernel/btf/vmlinux: there; kfuncs come with sched_ext")
    return TOPIC.ok("btf", "/sys/kernel/btf/vmlinux: the kfuncs of sched_ext are sound")
