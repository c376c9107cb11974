# SPDX-License-Identifier: Apache-2.0
"""Values of cgroup2's cpu control files, as ``linux.resources.unified`` has them to be written.

Runtimes write them as they are, so the grammar is the kernel's. A file of one number goes through
kstrtoull() or kstrtoll() with base 0: "0x64" is 100, "0100" is 64, a blank is an error
(kernel/cgroup/cgroup.c, cgroup_file_write). cpu.max goes through sscanf("%20s %llu"): blanks are
skipped, and what stands behind a number is not read (kernel/sched/core.c,
cpu_period_quota_parse). Documentation/admin-guide/cgroup-v2.rst, CPU Interface Files. On the hook's
path, where a container has such values.
"""

from ocihook import procfs
from ocihook.abi import OCIHOOK_WEIGHT_MAX, OCIHOOK_WEIGHT_MIN
from ocihook.errors import InputError

MAX_CHARS = 64
"""Longest value read: two numbers of 64 bits, with blanks."""

NO_QUOTA_US = -1
"""What config.json says for "max" (config-linux.md, quota)."""

_DIGITS = "0123456789"
_OCTAL, _HEXADECIMAL = "01234567", "0123456789abcdef"
_QUOTA_CHARS = 20
_U64_MAX = (1 << 64) - 1


def weight(text: str) -> int:
    """Read ``cpu.weight``: 1 to 10000.

    Raises:
        InputError: when it is none; so do all of these.
    """
    return _only_number(text, OCIHOOK_WEIGHT_MIN, OCIHOOK_WEIGHT_MAX)


def limit(text: str) -> tuple[int, int | None]:
    """Read ``cpu.max``: quota and period in microseconds.

    A quota of "max" is ``NO_QUOTA_US``; without a period the cgroup keeps its own, here None.
    """
    _check_length(text)
    words = procfs.words(text)
    if not words:
        raise InputError("is empty")
    # A word is cut after 20 characters, and what is left of it is read as the period.
    quota, rest = words[0][:_QUOTA_CHARS], [words[0][_QUOTA_CHARS:], *words[1:]]
    period = next((word for word in rest if word), "")
    quota_us = NO_QUOTA_US if quota == "max" else _first_number(text, quota)
    return quota_us, _first_number(text, period) if period[:1] in set(_DIGITS) else None


def burst(text: str) -> int:
    """Read ``cpu.max.burst``, in microseconds."""
    return _only_number(text, 0, _U64_MAX)


def idle(text: str) -> int:
    """Read ``cpu.idle``: 0 or 1."""
    return _only_number(text, 0, 1)


def nice(text: str) -> int:
    """Read ``cpu.weight.nice``: -20 to 19."""
    negative = text.startswith("-")
    number = _only_number(text.removeprefix("-") if negative else text, 0, 20 if negative else 19)
    return -number if negative else number


def _check_length(text: str) -> None:
    if len(text) > MAX_CHARS:
        raise InputError(f"{len(text)} characters: at most {MAX_CHARS} are read")


def _only_number(text: str, lowest: int, highest: int) -> int:
    """Read what is a number and nothing else, in decimal, octal or hexadecimal."""
    _check_length(text)
    if not text.strip(procfs.BLANKS):
        raise InputError("is empty")
    body = text.removesuffix("\n").removeprefix("+")
    if body[:2] in ("0x", "0X") and body[2:3].lower() in set(_HEXADECIMAL):
        digits, base, known = body[2:].lower(), 16, _HEXADECIMAL
    elif body[:1] == "0" and len(body) > 1:
        digits, base, known = body[1:], 8, _OCTAL
    else:
        digits, base, known = body, 10, _DIGITS
    if not digits or digits.strip(known):
        raise InputError(f"{text!a} is not a number to the kernel")
    number = int(digits, base)
    if not lowest <= number <= highest:
        raise InputError(f"{text!a} is not in {lowest}..{highest}")
    return number


def _first_number(text: str, word: str) -> int:
    """Read the decimal number that a word begins with."""
    digits = word[: len(word) - len(word.lstrip(_DIGITS))]
    if not digits:
        raise InputError(f"{text!a} is not a quota and a period")
    number = int(digits)
    if not 1 <= number <= _U64_MAX:
        raise InputError(f"{text!a}: {digits} is not in 1..{_U64_MAX}")
    return number
