# SPDX-License-Identifier: Apache-2.0
"""Cpulists as the kernel reads them, for text that a runtime writes into cpuset.cpus as it is.

Other than ``cpulist``, which has what we and the runtimes read, it knows groups ("0-31:2/4"), "N"
for the last CPU and "all", and blanks separate as commas do (lib/bitmap-str.c, bitmap_parselist;
Documentation/admin-guide/kernel-parameters.rst, cpu lists). On the hook's path, where config.json
has such a text.
"""

from ocihook.cpulist import MAX_CHARS, MAX_CPUS, refusal
from ocihook.errors import CpulistError, SchedulerUnavailable, SystemCallError
from ocihook.procfs import BLANKS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_SEPARATORS = frozenset(BLANKS + ",")
_DIGITS = frozenset("0123456789")
_U32_MAX = (1 << 32) - 1


def last_cpu() -> int:
    """Return the number of the last CPU that there may ever be: what "N" is in a list of CPUs."""
    from ocihook import topology

    try:
        return topology.possible_cpus().bit_length() - 1
    except (SystemCallError, SchedulerUnavailable):
        return MAX_CPUS - 1


def last_node() -> int:
    """Return what "N" is in a list of NUMA nodes: a constant of the kernel's, mostly this one."""
    return MAX_CPUS - 1  # CONFIG_NODES_SHIFT=10


def parse(text: str, last: "Callable[[], int]" = last_cpu) -> int:
    """Read a list into a mask; `last` says what "N" stands for, and is asked if one is there.

    Raises:
        CpulistError: with the position (1 is the first character).
    """
    if len(text) > MAX_CHARS:
        raise CpulistError(
            f"cpulist of {len(text)} characters: too long at position {MAX_CHARS + 1}"
        )
    reader = _Reader(text, last)
    mask = 0
    while reader.find_region():
        mask |= reader.region()
    return mask


class _Reader:
    """A text, and how far it has been read."""

    __slots__ = ("_at", "_end", "_last", "_text")

    def __init__(self, text: str, last: "Callable[[], int]") -> None:
        self._text = text
        self._last = last
        self._at = 0
        self._end = len(text.rstrip(BLANKS))

    def find_region(self) -> bool:
        """Go to the next region; False where there is none."""
        while self._at < self._end and self._text[self._at] in _SEPARATORS:
            self._at += 1
        return self._at < self._end

    def region(self) -> int:
        """Return the bits of a region: a number, a range, either of groups or not."""
        begin = self._at
        if self._text[begin : begin + 3].lower() == "all":
            self._at += 3
            first, final = 0, self._last()
        else:
            first = final = self._number()
            if self._peek() == "-":
                self._at += 1
                final = self._number()
            elif not self._is_separated():
                raise self._unexpected()
        used = group = final + 1
        if not self._is_separated():
            used, group = self._group()
        elif self._peek() == "\n":
            self._end = self._at  # what stands behind such a line is not read
        if first > final:
            raise refusal(self._text, begin, f"range {first}-{final} runs backwards")
        if used > group or not group:
            raise refusal(self._text, begin, f"no {used} of each {group}")
        if final >= MAX_CPUS:
            raise refusal(self._text, begin, f"CPU numbers are below {MAX_CPUS}")
        return _repeated(used, group, final - first + 1) << first

    def _group(self) -> tuple[int, int]:
        """Read ``:used/group``: so many of each group of so many."""
        if self._peek() != ":":
            raise self._unexpected()
        self._at += 1
        used = self._number()
        if self._peek() != "/":
            raise self._unexpected()
        self._at += 1
        return used, self._number()

    def _peek(self) -> str:
        return self._text[self._at] if self._at < self._end else ""

    def _is_separated(self) -> bool:
        return self._at == self._end or self._text[self._at] in _SEPARATORS

    def _number(self) -> int:
        begin = self._at
        if self._peek() == "N":
            self._at += 1
            return self._last()
        number = 0
        while self._peek() in _DIGITS:
            number = number * 10 + ord(self._peek()) - ord("0")
            if number > _U32_MAX:
                raise refusal(self._text, begin, "the number has more than 32 bits")
            self._at += 1
        if self._at == begin:
            raise refusal(self._text, begin, "expected a number")
        return number

    def _unexpected(self) -> CpulistError:
        char = self._peek()
        return refusal(self._text, self._at, f"unexpected {char!a}" if char else "cut off")


def _repeated(used: int, group: int, length: int) -> int:
    """Return `length` bits, the first `used` of each `group` of them set."""
    whole = (1 << length) - 1
    bits, width = (1 << min(used, length)) - 1, group
    while width < length:
        bits |= bits << width
        width *= 2
    return bits & whole
