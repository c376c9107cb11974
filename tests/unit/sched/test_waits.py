# SPDX-License-Identifier: Apache-2.0
"""Percentiles of histograms, against the waits that the histograms were made of."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocihook.abi import OCIHOOK_WAIT_BUCKETS
from ocihook.sched.waits import as_text, below_us, bound_us, percentile_bucket

LAST = OCIHOOK_WAIT_BUCKETS - 1


def bucket_of(wait_ns: int) -> int:
    """As bpf/abi.h says it: below 1 us, then 2^(n-1) to 2^n us, the last without end."""
    return min((wait_ns // 1000).bit_length(), LAST)


def histogram(waits_ns: list[int]) -> list[int]:
    counts = [0] * OCIHOOK_WAIT_BUCKETS
    for wait_ns in waits_ns:
        counts[bucket_of(wait_ns)] += 1
    return counts


def test_nothing_waited() -> None:
    counts = [0] * OCIHOOK_WAIT_BUCKETS
    assert percentile_bucket(counts, 99) is None
    assert below_us(counts, 99) is None
    assert as_text(counts, 99) == "-"


@given(st.lists(st.integers(0, 10**11), min_size=1), st.integers(1, 100))
def test_percentile_is_where_the_sorted_waits_have_it(waits_ns: list[int], percent: int) -> None:
    ordered = sorted(waits_ns)
    wanted_ns = ordered[-(-len(ordered) * percent // 100) - 1]
    counts = histogram(waits_ns)
    assert percentile_bucket(counts, percent) == bucket_of(wanted_ns)
    bound = below_us(counts, percent)
    assert (bound is None) is (bucket_of(wanted_ns) == LAST)
    if bound is not None:
        assert wanted_ns < bound * 1000


def test_bounds_are_powers_of_two() -> None:
    assert [bound_us(bucket, 5) for bucket in range(5)] == [1, 2, 4, 8, None]


@pytest.mark.parametrize(
    ("wait_ns", "text"),
    [(0, "< 1 us"), (1000, "< 2 us"), (300_000, "< 512 us"), (600_000, "< 1.0 ms"),
     (9_000_000, "< 16 ms"), (700_000_000, "< 1.0 s"), (3_000_000_000, "< 4.2 s"),
     (60_000_000_000, "> 4.2 s")],
)  # fmt: skip
def test_text(wait_ns: int, text: str) -> None:
    assert as_text(histogram([wait_ns]), 50) == text
