# SPDX-License-Identifier: Apache-2.0
"""Weight and quota as cgroup2 and OCI write them, in the units and bounds of the ABI.

On the hook's path: ``math`` is imported only where a cgroup has no ``cpu.weight``.
"""

from ocihook.abi import (
    OCIHOOK_CPU_WORDS,
    OCIHOOK_PERIOD_MAX_US,
    OCIHOOK_PERIOD_MIN_US,
    OCIHOOK_QUOTA_MIN_US,
    OCIHOOK_WEIGHT_DEFAULT,
    OCIHOOK_WEIGHT_MAX,
    OCIHOOK_WEIGHT_MIN,
)

NS_PER_US = 1000

PERIOD_DEFAULT_US = 100000
"""Of ``cpu.max`` and of OCI's ``linux.resources.cpu.period``."""

QUOTA_MAX_PERIODS = OCIHOOK_CPU_WORDS * 64
"""The largest quota in periods: what all the CPUs that the ABI can name could use up."""

NO_QUOTA = (0, 0, 0)
"""No limit."""

_DIGITS_MAX = 20
"""Of a number of 64 bits; ``int`` raises for one of thousands."""


def weight_from_shares(shares: int) -> int:
    """Return the ``cpu.weight`` that today's runtimes make of OCI's ``cpu.shares``.

    ``ceil(10 ** ((l*l + 125*l) / 612 - 7/34))`` with ``l = log2(shares)``: runc
    1.3.2, crun 1.23 and youki; before, they scaled linearly (1024 was 39, now
    it is 100) and nothing says which one did it, so what stands in the cgroup
    goes first. 0 means "not set".
    """
    if shares == 0:
        return OCIHOOK_WEIGHT_DEFAULT
    if shares <= 2:
        return OCIHOOK_WEIGHT_MIN
    if shares >= 262144:
        return OCIHOOK_WEIGHT_MAX
    import math

    log = math.log2(shares)
    return math.ceil(10 ** ((log * log + 125 * log) / 612 - 7 / 34))


def clamp_weight(weight: int) -> int:
    """Bring a weight into the ABI's range.

    ``cpu.weight`` reads 0 while ``cpu.idle`` is set (kernel/sched/core.c, cpu_weight_read_u64,
    before 6.12; since then 1).
    """
    return max(OCIHOOK_WEIGHT_MIN, min(weight, OCIHOOK_WEIGHT_MAX))


def weight_from_cgroup(text: str | None) -> int | None:
    """Return the weight that a cgroup's ``cpu.weight`` says, None where it is not there."""
    return clamp_weight(int(text)) if text and _is_number(text) else None


def quota_from_us(quota_us: int, period_us: int = 0, burst_us: int = 0) -> tuple[int, int, int]:
    """Return quota, period and burst in nanoseconds, of OCI's in microseconds.

    A quota of 0 or less is none; a period of 0 is the default. What ``cpu.max``
    would refuse is brought to the nearest value that it takes, burst included,
    which may not exceed the quota (kernel/sched/core.c, tg_set_cfs_bandwidth).
    ``cpu.max`` takes more than ``QUOTA_MAX_PERIODS``, which then means the same.
    """
    if quota_us <= 0:
        return NO_QUOTA
    period_us = period_us or PERIOD_DEFAULT_US
    period_us = max(OCIHOOK_PERIOD_MIN_US, min(period_us, OCIHOOK_PERIOD_MAX_US))
    quota_us = max(OCIHOOK_QUOTA_MIN_US, min(quota_us, QUOTA_MAX_PERIODS * period_us))
    burst_us = max(0, min(burst_us, quota_us))
    return quota_us * NS_PER_US, period_us * NS_PER_US, burst_us * NS_PER_US


def quota_from_cgroup(limit: str, burst: str | None) -> tuple[int, int, int] | None:
    """Return quota, period and burst in nanoseconds, of a cgroup's control files.

    `limit` is ``cpu.max`` ("max 100000" or "50000 100000", in microseconds),
    `burst` is ``cpu.max.burst``, None where the kernel has none (before 5.14).
    None where the former is not what the kernel prints.
    """
    quota, _, period = limit.partition(" ")
    if not _is_number(period) or not (quota == "max" or _is_number(quota)):
        return None
    if quota == "max":
        return NO_QUOTA
    return quota_from_us(int(quota), int(period), int(burst) if burst and _is_number(burst) else 0)


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) <= _DIGITS_MAX
