# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocihook import limits
from ocihook.abi import CellRequest

MS = 1_000_000


@pytest.mark.parametrize(
    ("shares", "weight"),
    # The table of opencontainers/cgroups v0.0.4, runc 1.3.2 and crun 1.23.
    [
        (0, 100), (1, 1), (2, 1), (102, 17), (128, 21), (256, 35), (512, 59), (1000, 99),
        (1024, 100), (1536, 138), (2048, 174), (4096, 303), (8192, 532), (65536, 3023),
        (262144, 10000), ((1 << 64) - 1, 10000),
    ],
)  # fmt: skip
def test_weight_from_shares(shares: int, weight: int) -> None:
    assert limits.weight_from_shares(shares) == weight


@given(st.integers(0, 1 << 64))
def test_weight_from_shares_stays_in_range(shares: int) -> None:
    assert 1 <= limits.weight_from_shares(shares) <= 10000


@pytest.mark.parametrize(
    ("text", "weight"),
    [("39", 39), ("0", 1), ("", None), (None, None), ("max", None), ("9" * 5000, None)],
)
def test_weight_from_cgroup(text: str | None, weight: int | None) -> None:
    assert limits.weight_from_cgroup(text) == weight


@pytest.mark.parametrize(("weight", "clamped"), [(0, 1), (1, 1), (10000, 10000), (10001, 10000)])
def test_clamp_weight(weight: int, clamped: int) -> None:
    assert limits.clamp_weight(weight) == clamped


@pytest.mark.parametrize(
    ("given_us", "expected"),
    [
        ((50000, 100000, 0), (50 * MS, 100 * MS, 0)),
        ((50000, 0, 10000), (50 * MS, 100 * MS, 10 * MS)),
        ((200000, 100000, 0), (200 * MS, 100 * MS, 0)),
        # No limit.
        ((0, 100000, 5), (0, 0, 0)),
        ((-1, 0, 0), (0, 0, 0)),
        # What cpu.max refuses, and the nearest that it takes.
        ((999, 100000, 0), (1 * MS, 100 * MS, 0)),
        ((1000, 999, 0), (1 * MS, 1 * MS, 0)),
        ((1000, 1000001, 0), (1 * MS, 1000 * MS, 0)),
        ((1000, 100000, 1001), (1 * MS, 100 * MS, 1 * MS)),
        # More than any machine has.
        ((1 << 44, 100000, 0), (1024 * 100 * MS, 100 * MS, 0)),
        ((1 << 44, 1000, 1 << 44), (1024 * MS, MS, 1024 * MS)),
    ],
)
def test_quota_from_us(given_us: tuple[int, int, int], expected: tuple[int, int, int]) -> None:
    assert limits.quota_from_us(*given_us) == expected


@given(st.integers(-(1 << 63), (1 << 63) - 1), st.integers(0, 1 << 64), st.integers(0, 1 << 64))
def test_any_quota_fits_a_request(quota_us: int, period_us: int, burst_us: int) -> None:
    quota_ns, period_ns, burst_ns = limits.quota_from_us(quota_us, period_us, burst_us)
    CellRequest(quota_ns=quota_ns, period_ns=period_ns, burst_ns=burst_ns).pack()
    assert (quota_ns > 0) == (quota_us > 0)
    assert not quota_ns or MS <= period_ns <= 1000 * MS
    assert burst_ns <= quota_ns <= 1024 * period_ns


@pytest.mark.parametrize(
    ("limit", "burst", "expected"),
    [
        ("max 100000", "0", (0, 0, 0)),
        ("50000 100000", "0", (50 * MS, 100 * MS, 0)),
        ("50000 100000", "20000", (50 * MS, 100 * MS, 20 * MS)),
        ("150000 20000", None, (150 * MS, 20 * MS, 0)),
        ("50000", "0", None),
        ("-1 100000", "0", None),
        ("max max", "0", None),
        ("9" * 5000 + " 100000", "0", None),
        ("50000 " + "9" * 5000, "0", None),
        ("50000 100000", "9" * 5000, (50 * MS, 100 * MS, 0)),
        ("", None, None),
    ],
)
def test_quota_from_cgroup(
    limit: str, burst: str | None, expected: tuple[int, int, int] | None
) -> None:
    assert limits.quota_from_cgroup(limit, burst) == expected
