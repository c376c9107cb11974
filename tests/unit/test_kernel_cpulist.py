# SPDX-License-Identifier: Apache-2.0
"""The kernel's own grammar of cpulists; tests/runtime asks the kernel itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocihook import cpulist, kernel_cpulist, topology
from ocihook.errors import CpulistError, SchedulerUnavailable, SystemCallError

# Of lib/test_bitmap.c, parselist_tests, and our own; "N" is 31.
TAKEN = {
    "": "",
    "0": "0",
    "0-3,7": "0-3,7",
    "3,2,1": "1-3",
    "0-0": "0",
    "007": "7",
    "0-31:1/2": "0,2,4,6,8,10,12,14,16,18,20,22,24,26,28,30",
    "0-31:2/4": "0-1,4-5,8-9,12-13,16-17,20-21,24-25,28-29",
    "1-10:8/12,8-31:24/29,0-31:0/3": "1-31",
    "0-31:1/3,1-31:1/3,2-31:1/3": "0-31",
    "1-31:4/4": "1-31",
    "0-31:0/3": "",
    "5-7:1/100": "5",
    "0-3:4294967295/4294967295": "0-3",
    "N": "31",
    "0-N": "0-31",
    "N-N": "31",
    "28-N:1/2": "28,30",
    "0-7:N/N": "0-7",
    "all": "0-31",
    "ALL": "0-31",
    "aLl,0": "0-31",
    "0, 1, all,  ": "0-31",
    "all:1/8": "0,8,16,24",
    ",": "",
    " ": "",
    " , ,\t": "",
    "0 1\t2\v3\f4\r5": "0-5",
    "  0-1  ": "0-1",
    "\n0\n": "0",
    # A number or range that a newline ends is the last one.
    "0\n1": "0",
    "0 \n1": "0-1",
    "0-2:1/2\n5": "0,2,5",
    # Nothing has to stand behind a group.
    "0-3:1/2all": "0-31",
    "0-3:1/2N": "0,2,31",
}

REFUSED = {
    "0-": "expected a number at position 3",
    "-1": "expected a number at position 1",
    "-": "expected a number at position 1",
    "+0": "expected a number at position 1",
    "x": "expected a number at position 1",
    "0,n": "expected a number at position 3",
    "0x1": "unexpected 'x' at position 2",
    "0-1-2": "unexpected '-' at position 4",
    "all0": "unexpected '0' at position 4",
    "N0": "unexpected '0' at position 2",
    "0:1/2": "unexpected ':' at position 2",
    "0-1:1": "cut off at position 6",
    "0-1:1/": "expected a number at position 7",
    "0-1:/2": "expected a number at position 5",
    "0-1 :1/2": "expected a number at position 5",
    "0-1: 1/2": "expected a number at position 5",
    "0-1:1 /2": "unexpected ' ' at position 6",
    "0-1:1/2/3": "expected a number at position 8",
    "0-1:1/2-3": "expected a number at position 8",
    "0-1:2/1": "no 2 of each 1 at position 1",
    "0-1:1/0": "no 1 of each 0 at position 1",
    "0-1:0/0": "no 0 of each 0 at position 1",
    "1-0": "range 1-0 runs backwards at position 1",
    "0, 40-N": "range 40-31 runs backwards at position 4",
    "0,1024": "CPU numbers are below 1024 at position 3",
    "0-1024": "CPU numbers are below 1024 at position 1",
    "0-1:1/4294967296": "the number has more than 32 bits at position 7",
    "9" * 16000: "the number has more than 32 bits at position 1",
    "\u00a00": "expected a number at position 1",
    "0\u00a0": "unexpected '\\xa0' at position 2",
    "\u0660": "expected a number at position 1",
    "0\u2028": "unexpected '\\u2028' at position 2",
}


@pytest.mark.parametrize(("text", "plain"), TAKEN.items(), ids=map(ascii, TAKEN))
def test_what_the_kernel_takes(text: str, plain: str) -> None:
    assert kernel_cpulist.parse(text, lambda: 31) == cpulist.parse(plain)


@pytest.mark.parametrize(
    ("text", "message"), REFUSED.items(), ids=[ascii(text[:12]) for text in REFUSED]
)
def test_what_it_refuses(text: str, message: str) -> None:
    with pytest.raises(CpulistError) as caught:
        kernel_cpulist.parse(text, lambda: 31)
    assert str(caught.value).endswith(f": {message}")


def test_a_text_that_is_too_long() -> None:
    with pytest.raises(CpulistError, match="of 18000 characters: too long at position 16385"):
        kernel_cpulist.parse("0," * 9000)


def test_the_last_cpu_is_asked_for_where_the_text_names_it() -> None:
    def last() -> int:
        raise AssertionError

    assert kernel_cpulist.parse("0-3:1/2,7", last) == 0b10000101
    with pytest.raises(AssertionError):
        kernel_cpulist.parse("0-N", last)


def test_the_last_cpu_is_the_last_possible_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topology, "possible_cpus", lambda: 0b1011)
    assert kernel_cpulist.last_cpu() == 3
    assert kernel_cpulist.parse("2-N") == 0b1100
    for error in (SystemCallError("possible", 2), SchedulerUnavailable("CPU 1151")):

        def refuse(error: Exception = error) -> int:
            raise error

        monkeypatch.setattr(topology, "possible_cpus", refuse)
        assert kernel_cpulist.last_cpu() == 1023


def test_the_last_node_is_the_kernels_constant() -> None:
    assert kernel_cpulist.parse("all", kernel_cpulist.last_node) == (1 << 1024) - 1


@given(st.sets(st.integers(0, 1023)))
def test_what_the_kernel_prints_it_reads(numbers: set[int]) -> None:
    mask = sum(1 << number for number in numbers)
    assert kernel_cpulist.parse(cpulist.format(mask)) == mask


@given(st.integers(0, 1023), st.integers(0, 1023), st.integers(0, 2000), st.integers(1, 2000))
def test_groups_are_those_of_a_loop(first: int, length: int, used: int, group: int) -> None:
    last, used = min(first + length, 1023), min(used, group)
    expected = 0
    for start in range(first, last + 1, group):
        expected |= ((1 << min(last - start + 1, used)) - 1) << start
    assert kernel_cpulist.parse(f"{first}-{last}:{used}/{group}") == expected


@given(st.text(alphabet="019-, \n:/Nalx\u00a0", max_size=20))
def test_whatever_the_text_there_is_a_mask_or_a_cpulist_error(text: str) -> None:
    try:
        mask, message = kernel_cpulist.parse(text, lambda: 31), ""
    except CpulistError as error:
        mask, message = 0, str(error)
    assert mask >> 1024 == 0
    assert "\n" not in message
