# SPDX-License-Identifier: Apache-2.0
"""CPUs and CPU time of a config.json, as the hook has read them, against the kernel's bounds."""

from collections.abc import Iterator
from typing import Any

from ocihook import cpulist
from ocihook.abi import OCIHOOK_PERIOD_MAX_US, OCIHOOK_PERIOD_MIN_US, OCIHOOK_QUOTA_MIN_US
from ocihook.errors import CpulistError
from ocihook.hook.annotations import CPUS
from ocihook.hook.bundle import Bundle
from ocihook.limits import PERIOD_DEFAULT_US
from ocihook.validate.finding import Finding, error, member, warning
from ocihook.validate.machine import Machine

_CPU = ("linux", "resources", "cpu")
_UNIFIED = ("linux", "resources", "unified")
_AFFINITY = ("process", "execCPUAffinity")

SHARES_MIN, SHARES_MAX = 2, 262144
"""The range of cgroup v1 (kernel/sched/sched.h, MIN_SHARES and MAX_SHARES)."""

_QUOTA_MAX_US = (1 << 44) - 1
"""kernel/sched/core.c, max_bw_runtime_us: 64 bits less BW_SHIFT."""

_OLD_FORMULA_MAX = 262170
"""The most that is a weight of 10000 by 1 + (shares - 2) * 9999 / 262142, which runc used before
1.3.2 and crun before 1.23. Beyond, as for 1, the kernel refuses the weight (ERANGE)."""

_REPLACED = {
    "cpu.weight": "shares", "cpu.max": "quota", "cpu.max.burst": "burst", "cpu.idle": "idle",
    "cpuset.cpus": "cpus", "cpuset.mems": "mems",
}  # fmt: skip


def check(document: Any, bundle: Bundle, machine: Machine) -> Iterator[Finding]:
    """Yield what is wrong with the CPU members of a config.json that was read as `bundle`."""
    yield from _lists(document, bundle, machine)
    yield from _for_systemd(document)
    yield from _own(bundle, machine)
    yield from _time(document, bundle)
    yield from _weight(document, bundle)
    for key, replaced in _REPLACED.items():
        if member(document, str, *_UNIFIED, key) and _given(document, replaced):
            yield warning(f"goes last, and replaces linux.resources.cpu.{replaced}", *_UNIFIED, key)
    for name, time_us in (
        ("realtimeRuntime", bundle.realtime_runtime_us),
        ("realtimePeriod", bundle.realtime_period_us),
    ):
        if time_us:
            yield error(
                "has no counterpart in cgroup v2: crun does not start it, runc leaves it out",
                *_CPU,
                name,
            )


def _lists(document: Any, bundle: Bundle, machine: Machine) -> Iterator[Finding]:
    cpus = _place(document, "cpuset.cpus", "cpus")
    never = bundle.cpus & ~machine.possible
    if never and bundle.cpus & machine.online:
        # lib/bitmap-str.c, bitmap_parselist: ERANGE from nr_cpu_ids on.
        yield error(
            f"CPUs {cpulist.format(never)} can never be here, and the kernel refuses the list",
            *cpus,
        )
    yield from _offline(bundle.cpus & ~never or bundle.cpus, machine.online, cpus)
    for name, mask in (("initial", bundle.exec_initial), ("final", bundle.exec_final)):
        yield from _offline(mask, machine.online, (*_AFFINITY, name))
    if bundle.cpus and bundle.exec_final & ~bundle.cpus:
        beyond = cpulist.format(bundle.exec_final & ~bundle.cpus)
        yield (warning if bundle.exec_final & bundle.cpus else error)(
            f"CPUs {beyond} are not among the container's", *_AFFINITY, "final"
        )
    if bundle.mems & ~machine.nodes:
        yield error(
            f"no such NUMA nodes here: {cpulist.format(bundle.mems & ~machine.nodes)}",
            *_place(document, "cpuset.mems", "mems"),
        )


def _for_systemd(document: Any) -> Iterator[Finding]:
    """Look at lists of which a runtime makes systemd's own form: it has to read them itself."""
    path = member(document, str, "linux", "cgroupsPath") or ""
    if ":" not in path or path.startswith("/"):
        return
    for place in ((*_CPU, "cpus"), (*_CPU, "mems"), (*_UNIFIED, "cpuset.cpus")):
        try:
            cpulist.parse(member(document, str, *place) or "")
        except CpulistError as problem:
            yield error(f"{problem}, to runtimes with systemd's cgroup driver", *place)


def _own(bundle: Bundle, machine: Machine) -> Iterator[Finding]:
    """Look at the CPUs that an annotation names as the cell's own."""
    if CPUS not in bundle.annotations:
        return
    try:
        count, mask = cpulist.parse_wish(bundle.annotations[CPUS])
    except CpulistError:
        return  # the annotations' schema says so
    place = ("annotations", CPUS)
    allowed = machine.online & (bundle.cpus or machine.online)
    if mask & ~allowed:
        missing = cpulist.format(mask & ~allowed)
        yield warning(f"CPUs {missing} are not online here, or not the container's", *place)
    elif count > allowed.bit_count():
        yield warning(f"the container has {allowed.bit_count()} CPUs here", *place)


def _offline(mask: int, online: int, place: tuple[str, ...]) -> Iterator[Finding]:
    missing = mask & ~online
    if missing and mask & online:
        yield warning(f"CPUs {cpulist.format(missing)} are not online here", *place)
    elif missing:
        yield error(f"none of CPUs {cpulist.format(missing)} is online here", *place)


def _time(document: Any, bundle: Bundle) -> Iterator[Finding]:
    quota = _place(document, "cpu.max", "quota")
    period = _place(document, "cpu.max", "period")
    quota_us, period_us = bundle.quota_us or 0, bundle.period_us or PERIOD_DEFAULT_US
    # kernel/sched/core.c, tg_set_cfs_bandwidth: EINVAL, and the container does not start.
    if 0 < quota_us < OCIHOOK_QUOTA_MIN_US:
        yield error(f"{quota_us} us: the kernel takes {OCIHOOK_QUOTA_MIN_US} or more", *quota)
    if quota_us > _QUOTA_MAX_US:
        yield error(f"{quota_us} us: the kernel takes {_QUOTA_MAX_US} or less", *quota)
    if not OCIHOOK_PERIOD_MIN_US <= period_us <= OCIHOOK_PERIOD_MAX_US:
        bounds = f"{OCIHOOK_PERIOD_MIN_US} to {OCIHOOK_PERIOD_MAX_US}"
        yield error(f"{period_us} us: the kernel takes {bounds}", *period)
    if bundle.burst_us:
        burst = _place(document, "cpu.max.burst", "burst")
        if quota_us <= 0:
            yield warning("without a quota, it has no effect", *burst)
        elif bundle.burst_us > quota_us:
            yield error(f"{bundle.burst_us} us: more than the quota of {quota_us}", *burst)


def _weight(document: Any, bundle: Bundle) -> Iterator[Finding]:
    idle = _place(document, "cpu.idle", "idle")
    if bundle.idle not in (None, 0, 1):
        yield error(f"{bundle.idle}: the kernel takes 0 and 1", *idle)
    if bundle.idle == 1:
        yield warning("the cell gets weight 1, unless org.ocihook/weight names another", *idle)
    if bundle.shares and member(document, int, *_CPU, "idle") == 1:
        # runc writes cpu.idle first, and then the kernel takes no cpu.weight; unified goes last.
        yield error(
            "runc 1.3.6 does not start it together with idle; runc 1.1.15, and crun 1.21 and"
            " 1.28, do",
            *_CPU,
            "shares",
        )
    if not bundle.shares or SHARES_MIN <= bundle.shares <= SHARES_MAX:
        return
    if SHARES_MAX < bundle.shares <= _OLD_FORMULA_MAX:
        yield warning(f"{bundle.shares}: runtimes bring it to {SHARES_MAX}", *_CPU, "shares")
    else:
        yield error(
            f"{bundle.shares}: runc before 1.3.2 and crun before 1.23 do not start it; later ones"
            f" bring it to {SHARES_MIN} to {SHARES_MAX}",
            *_CPU,
            "shares",
        )


def _place(document: Any, key: str, name: str) -> tuple[str, ...]:
    """Return where a value stands that both parts may have: that of unified counts."""
    return (*_UNIFIED, key) if member(document, str, *_UNIFIED, key) else (*_CPU, name)


def _given(document: Any, name: str) -> bool:
    return bool(member(document, int, *_CPU, name) or member(document, str, *_CPU, name))
