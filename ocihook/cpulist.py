# SPDX-License-Identifier: Apache-2.0
"""Cpulists, the text form of a set of CPUs ("0-3,7"), and cpumasks, its bits.

A cpumask is a Python int: bit N stands for CPU N. Over the ABI it travels as
``OCIHOOK_CPU_WORDS`` words of 64 bits, lowest CPU first. On the hook's path:
no ``re``.
"""

from ocihook.abi import OCIHOOK_CPU_WORDS
from ocihook.errors import CpulistError

MAX_CPUS = OCIHOOK_CPU_WORDS * 64
"""CPU numbers of a cpulist are below this: what a cpumask of the ABI can hold."""

MAX_CHARS = 16384
"""Longest cpulist read: three times what it takes to name 1024 CPUs one by one."""

# What Go's strings.TrimSpace removes, which runc calls for each item.
_BLANKS = (
    " \t\n\v\f\r\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
_DIGITS = "0123456789"
_SHOWN_CHARS = 48
_WORD = (1 << 64) - 1


def parse(text: str) -> int:
    """Read a cpulist into a cpumask.

    The grammar is that in which the runtimes themselves read, runc's
    (libcontainer ``ToCPUSet``, v1.3 to main): items separated by commas, each a
    number or ``first-last``; blanks around an item and empty items are
    ignored. No text at all is 0; a text that names no CPU ("," or " ") is an
    error, as are blanks inside an item and strides ("0-10:2/4"). Text that a
    runtime hands to the kernel is for ``kernel_cpulist``.

    Raises:
        CpulistError: with the position (1 is the first character).
    """
    if not text:
        return 0
    if len(text) > MAX_CHARS:
        raise CpulistError(
            f"cpulist of {len(text)} characters: too long at position {MAX_CHARS + 1}"
        )
    mask = 0
    start = 0
    for item in text.split(","):
        mask |= _item(text, item, start)
        start += len(item) + 1
    if not mask:
        raise refusal(text, 0, "no CPU is named")
    return mask


def parse_wish(text: str) -> tuple[int, int]:
    """Read how many CPUs are wished, or which: a count from 1 to 1023, or a cpulist.

    Digits alone are a count; a single CPU by its number is written "4-4".

    Returns:
        the count and a cpumask, one of which is 0.

    Raises:
        CpulistError: when it is neither. A number among blanks is neither, since it could be
            either.
    """
    digits = text.strip(_BLANKS)
    if digits and not digits.strip(_DIGITS):
        # One spelling a number, as int() alone would not have it.
        if digits == text and len(text) <= len(str(MAX_CPUS)) and text[0] != "0":
            count = int(text)
            if count < MAX_CPUS:
                return count, 0
        raise CpulistError(f"count {text[:_SHOWN_CHARS]!a}: not in 1..{MAX_CPUS - 1}")
    if not text:
        raise CpulistError("neither a count nor a cpulist")
    return 0, parse(text)


def format(mask: int) -> str:
    """Write a cpumask as the shortest cpulist, as the kernel prints it ("0-3,7"); 0 is "".

    Raises:
        CpulistError: when bits lie outside ``MAX_CPUS``.
    """
    _check(mask)
    items = []
    cpu = 0
    while mask:
        skipped = (mask & -mask).bit_length() - 1
        mask >>= skipped
        cpu += skipped
        length = (~mask & (mask + 1)).bit_length() - 1
        items.append(f"{cpu}-{cpu + length - 1}" if length > 1 else f"{cpu}")
        mask >>= length
        cpu += length
    return ",".join(items)


def to_words(mask: int) -> tuple[int, ...]:
    """Split a cpumask into the ``OCIHOOK_CPU_WORDS`` words of ``struct cpu_words``.

    Raises:
        CpulistError: when bits lie outside ``MAX_CPUS``.
    """
    _check(mask)
    return tuple((mask >> (64 * word)) & _WORD for word in range(OCIHOOK_CPU_WORDS))


def from_words(words: tuple[int, ...]) -> int:
    """Join the words of ``struct cpu_words`` into a cpumask."""
    mask = 0
    for index, word in enumerate(words):
        mask |= word << (64 * index)
    return mask


def refusal(text: str, offset: int, problem: str) -> CpulistError:
    """Return the error about the character at `offset`, 0 being the first."""
    shown = text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "..."
    return CpulistError(f"cpulist {shown!a}: {problem} at position {offset + 1}")


def _item(text: str, item: str, start: int) -> int:
    """Return the bits of one item, which begins at offset `start` of `text`."""
    body = item.lstrip(_BLANKS)
    start += len(item) - len(body)
    body = body.rstrip(_BLANKS)
    if not body:
        return 0
    first, after = _number(text, body, 0, start)
    last = first
    if after < len(body) and body[after] == "-":
        last, after = _number(text, body, after + 1, start)
    if after < len(body):
        raise refusal(text, start + after, f"unexpected {body[after]!a}")
    if first > last:
        raise refusal(text, start, f"range {first}-{last} runs backwards")
    return ((1 << (last - first + 1)) - 1) << first


def _number(text: str, body: str, at: int, start: int) -> tuple[int, int]:
    """Return the CPU number at offset `at` of `body`, and the offset after it."""
    begin = at
    number = 0
    while at < len(body) and body[at] in _DIGITS:
        number = number * 10 + ord(body[at]) - ord("0")
        if number >= MAX_CPUS:
            raise refusal(text, start + begin, f"CPU numbers are below {MAX_CPUS}")
        at += 1
    if at == begin:
        raise refusal(text, start + begin, "expected a number")
    return number, at


def _check(mask: int) -> None:
    if mask < 0 or mask >> MAX_CPUS:
        raise CpulistError(f"cpumask {mask:#x}: CPU numbers are below {MAX_CPUS}")
