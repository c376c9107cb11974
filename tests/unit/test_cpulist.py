# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocihook import cpulist
from ocihook.errors import CpulistError

cpus = st.sets(st.integers(0, cpulist.MAX_CPUS - 1))


def mask_of(numbers: set[int]) -> int:
    return sum(1 << number for number in numbers)


# The cases of runc's libcontainer/configs/tocpuset_test.go, and our own.
@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("", set()),
        ("0", {0}),
        ("1,2", {1, 2}),
        ("0-3", {0, 1, 2, 3}),
        ("0-0", {0}),
        (" 1 , 2 ", {1, 2}),
        (",,3,,", {3}),
        ("0-2,5,7-8", {0, 1, 2, 5, 7, 8}),
        ("5,1-3,2", {1, 2, 3, 5}),
        ("007", {7}),
        ("1023", {1023}),
        ("0-1\n", {0, 1}),
        (",0,1,", {0, 1}),
        ("1, 2, 1-2", {1, 2}),
        ("    , 1   , 3  ,  5-7,    ", {1, 3, 5, 6, 7}),
        ("0-3,32-33", {0, 1, 2, 3, 32, 33}),
        ("127-129, 1", {1, 127, 128, 129}),
        ("\u00a00-1\u3000,\x85", {0, 1}),  # blanks to Go's strings.TrimSpace
    ],
)
def test_parse(text: str, numbers: set[int]) -> None:
    assert cpulist.parse(text) == mask_of(numbers)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0-x", "cpulist '0-x': expected a number at position 3"),
        ("x", "cpulist 'x': expected a number at position 1"),
        ("-", "cpulist '-': expected a number at position 1"),
        ("-1", "cpulist '-1': expected a number at position 1"),
        ("1-", "cpulist '1-': expected a number at position 3"),
        ("0, 4-2", "cpulist '0, 4-2': range 4-2 runs backwards at position 4"),
        ("1-0", "cpulist '1-0': range 1-0 runs backwards at position 1"),
        ("1 - 2", "cpulist '1 - 2': unexpected ' ' at position 2"),
        ("1 2", "cpulist '1 2': unexpected ' ' at position 2"),
        ("1--2", "cpulist '1--2': expected a number at position 3"),
        ("1-2-3", "cpulist '1-2-3': unexpected '-' at position 4"),
        ("0-10:2/4", "cpulist '0-10:2/4': unexpected ':' at position 5"),
        ("0x1", "cpulist '0x1': unexpected 'x' at position 2"),
        ("+1", "cpulist '+1': expected a number at position 1"),
        ("1_0", "cpulist '1_0': unexpected '_' at position 2"),
        (",", "cpulist ',': no CPU is named at position 1"),
        (" ", "cpulist ' ': no CPU is named at position 1"),
        ("0,1024", "cpulist '0,1024': CPU numbers are below 1024 at position 3"),
        ("\u0661", "cpulist '\\u0661': expected a number at position 1"),
        ("0," * 9000, "cpulist of 18000 characters: too long at position 16385"),
        ("-3", "cpulist '-3': expected a number at position 1"),
        ("54-53", "cpulist '54-53': range 54-53 runs backwards at position 1"),
        # runc's main takes numbers up to 65536; runc to 1.5.1 and the ABI end before 1024.
        ("0-65536", "cpulist '0-65536': CPU numbers are below 1024 at position 3"),
        ("\x1c1", "cpulist '\\x1c1': expected a number at position 1"),  # blank to Python alone
        ("1\u200b", "cpulist '1\\u200b': unexpected '\\u200b' at position 2"),
    ],
)
def test_parse_refuses(text: str, message: str) -> None:
    with pytest.raises(CpulistError) as caught:
        cpulist.parse(text)
    assert str(caught.value) == message


def test_a_long_number_is_refused_before_it_is_built() -> None:
    with pytest.raises(CpulistError, match="CPU numbers are below 1024 at position 1"):
        cpulist.parse("9" * 16000)


@pytest.mark.parametrize(
    ("numbers", "text"),
    [(set(), ""), ({0}, "0"), ({0, 1}, "0-1"), ({0, 2}, "0,2"), ({1, 2, 3, 9, 1023}, "1-3,9,1023")],
)
def test_format(numbers: set[int], text: str) -> None:
    assert cpulist.format(mask_of(numbers)) == text


@pytest.mark.parametrize("mask", [-1, 1 << 1024])
def test_format_and_to_words_refuse_what_the_abi_cannot_hold(mask: int) -> None:
    for function in (cpulist.format, cpulist.to_words):
        with pytest.raises(CpulistError, match="CPU numbers are below 1024"):
            function(mask)


@given(cpus)
def test_text_and_words_bring_back_the_mask(numbers: set[int]) -> None:
    mask = mask_of(numbers)
    assert cpulist.parse(cpulist.format(mask)) == mask
    words = cpulist.to_words(mask)
    assert len(words) == 16
    assert all(0 <= word < 1 << 64 for word in words)
    assert cpulist.from_words(words) == mask


def test_words_begin_with_the_lowest_cpu() -> None:
    assert cpulist.to_words(1 << 64 | 1)[:3] == (1, 1, 0)


@given(st.text(alphabet="019-, \n:x\u00a0", max_size=20))
def test_whatever_the_text_there_is_a_mask_or_a_cpulist_error(text: str) -> None:
    try:
        mask = cpulist.parse(text)
    except CpulistError as error:
        message = str(error)
    else:
        message = ""
        assert cpulist.parse(cpulist.format(mask)) == mask
    assert "\n" not in message
