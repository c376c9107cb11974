# SPDX-License-Identifier: Apache-2.0
"""What somebody wants to be different about a live cell, and how it is written. Pure."""

from dataclasses import dataclass

from ocihook import cpulist
from ocihook.abi import (
    OCIHOOK_PERIOD_MAX_US,
    OCIHOOK_PERIOD_MIN_US,
    OCIHOOK_QUOTA_MIN_US,
    OCIHOOK_WEIGHT_MAX,
    OCIHOOK_WEIGHT_MIN,
)
from ocihook.errors import InputError
from ocihook.limits import NS_PER_US, PERIOD_DEFAULT_US, QUOTA_MAX_PERIODS

QUOTA_HINT = "write 50%, 50000/100000 (microseconds of each period), or max"


@dataclass(frozen=True)
class Change:
    """The members that are to be different; None keeps what the cell has.

    ``cpus`` is a count of own CPUs and a cpumask of which, one of them 0; both 0 is none at all.
    ``quota_us`` is quota and period, the former 0 for no limit.
    """

    weight: int | None = None
    cpus: tuple[int, int] | None = None
    quota_us: tuple[int, int] | None = None
    burst_us: int | None = None
    lend: bool | None = None
    borrow: bool | None = None

    def __post_init__(self) -> None:
        """Check the weight; the rest comes from the parsers here, or depends on the cell.

        Raises:
            InputError: it is out of range.
        """
        if self.weight is not None and not OCIHOOK_WEIGHT_MIN <= self.weight <= OCIHOOK_WEIGHT_MAX:
            raise InputError(
                f"weight {self.weight}: not in {OCIHOOK_WEIGHT_MIN}..{OCIHOOK_WEIGHT_MAX}"
            )

    def quota_ns(self, quota_ns: int, period_ns: int, burst_ns: int) -> tuple[int, int, int]:
        """Return quota, period and burst, of those that a cell has.

        A burst that is more than a new quota is cut to it, unless it was named.

        Raises:
            InputError: the burst is for no quota, or more than it.
        """
        if self.quota_us is not None:
            quota_ns, period_ns = (part * NS_PER_US for part in self.quota_us)
            burst_ns = min(burst_ns, quota_ns)
        if self.burst_us is not None:
            burst_ns = self.burst_us * NS_PER_US
            if not 0 <= burst_ns <= quota_ns:
                raise InputError(
                    f"burst of {self.burst_us} us: not in 0..{quota_ns // NS_PER_US}",
                    "a burst goes up to the quota",
                )
        return quota_ns, period_ns, burst_ns


def parse_cpus(text: str) -> tuple[int, int]:
    """Read a count, a cpulist, or ``none``.

    Raises:
        CpulistError: it is none of these.
    """
    return (0, 0) if text == "none" else cpulist.parse_wish(text)


def parse_quota(text: str) -> tuple[int, int]:
    """Read a quota into microseconds of it and of its period: ``50%``, ``QUOTA/PERIOD``, ``max``.

    In percent of one CPU, 100 ms being the period. 0 of 0 is no limit.

    Raises:
        InputError: it is none of these, or cpu.max would not take it.
    """
    if text == "max":
        return 0, 0
    if text.endswith("%"):
        quota_us = _number(text[:-1], text) * (PERIOD_DEFAULT_US // 100)
        period_us = PERIOD_DEFAULT_US
    else:
        quota, _, period = text.partition("/")
        quota_us, period_us = _number(quota, text), _number(period, text)
    _check(f"quota {text!a}: period", period_us, OCIHOOK_PERIOD_MIN_US, OCIHOOK_PERIOD_MAX_US)
    highest_us = QUOTA_MAX_PERIODS * period_us
    _check(f"quota {text!a}: quota", quota_us, OCIHOOK_QUOTA_MIN_US, highest_us)
    return quota_us, period_us


def _number(digits: str, text: str) -> int:
    if not (digits.isascii() and digits.isdecimal()) or len(digits) > 20:
        raise InputError(f"quota {text[:64]!a}: cannot be read", QUOTA_HINT)
    return int(digits)


def _check(what: str, value_us: int, lowest_us: int, highest_us: int) -> None:
    if not lowest_us <= value_us <= highest_us:
        raise InputError(f"{what} of {value_us} us: not in {lowest_us}..{highest_us}")
