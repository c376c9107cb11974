# SPDX-License-Identifier: Apache-2.0
"""Values of cgroup2's cpu control files, as ``linux.resources.unified`` has them to be written.

Documentation/admin-guide/cgroup-v2.rst, CPU Interface Files. Stricter than the kernel, which also
takes hexadecimal numbers and text behind a period: no engine writes those. On the hook's path,
where a container has such values.
"""

from ocihook import procfs
from ocihook.abi import OCIHOOK_WEIGHT_MAX, OCIHOOK_WEIGHT_MIN
from ocihook.errors import InputError

MAX_CHARS = 64
"""Longest value read: two numbers of 64 bits, with blanks."""

NO_QUOTA_US = -1
"""What config.json says for "max" (config-linux.md, quota)."""

_DIGITS = frozenset("0123456789")
_U64_MAX = (1 << 64) - 1


def weight(text: str) -> int:
    """Read ``cpu.weight``: 1 to 10000.

    Raises:
        InputError: when it is none; so do all of these.
    """
    return _number(_stripped(text), OCIHOOK_WEIGHT_MIN, OCIHOOK_WEIGHT_MAX)


def limit(text: str) -> tuple[int, int | None]:
    """Read ``cpu.max``: quota and period in microseconds.

    A quota of "max" is ``NO_QUOTA_US``; without a period the cgroup keeps its own, here None.
    """
    quota, *rest = procfs.words(_stripped(text))
    if len(rest) > 1:
        raise InputError(f"{text!a} is not a quota and a period")
    quota_us = NO_QUOTA_US if quota == "max" else _number(quota, 1, _U64_MAX)
    return quota_us, _number(rest[0], 1, _U64_MAX) if rest else None


def burst(text: str) -> int:
    """Read ``cpu.max.burst``, in microseconds."""
    return _number(_stripped(text), 0, _U64_MAX)


def idle(text: str) -> int:
    """Read ``cpu.idle``: 0 or 1."""
    return _number(_stripped(text), 0, 1)


def _stripped(text: str) -> str:
    if len(text) > MAX_CHARS:
        raise InputError(f"{len(text)} characters: at most {MAX_CHARS} are read")
    stripped = text.strip(procfs.BLANKS)
    if not stripped:
        raise InputError("is empty")
    return stripped


def _number(text: str, lowest: int, highest: int) -> int:
    if not _DIGITS.issuperset(text):
        raise InputError(f"{text!a} is not a number")
    number = int(text)
    if not lowest <= number <= highest:
        raise InputError(f"{text!a} is not in {lowest}..{highest}")
    return number
