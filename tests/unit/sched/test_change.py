# SPDX-License-Identifier: Apache-2.0
import pytest

from ocihook.errors import InputError
from ocihook.sched.change import Change, parse_cpus, parse_quota

MS = 1_000_000


@pytest.mark.parametrize(
    ("text", "parsed"),
    [("none", (0, 0)), ("4", (4, 0)), ("4-4", (0, 0b10000)), ("0,2-3", (0, 0b1101))],
)
def test_cpus(text: str, parsed: tuple[int, int]) -> None:
    assert parse_cpus(text) == parsed


@pytest.mark.parametrize("text", ["", "0", "None", "all", "0-1024"])
def test_bad_cpus(text: str) -> None:
    with pytest.raises(InputError):
        parse_cpus(text)


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("max", (0, 0)),
        ("50%", (50000, 100000)),
        ("250%", (250000, 100000)),
        ("1%", (1000, 100000)),
        ("20000/50000", (20000, 50000)),
        ("1000/1000000", (1000, 1000000)),
    ],
)
def test_quota(text: str, parsed: tuple[int, int]) -> None:
    assert parse_quota(text) == parsed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "quota '': cannot be read (write 50%, 50000/100000"),
        ("50", "quota '50': cannot be read"),
        ("%", "quota '%': cannot be read"),
        ("1.5%", "quota '1.5%': cannot be read"),
        ("-1%", "quota '-1%': cannot be read"),
        ("50000/", "quota '50000/': cannot be read"),
        ("max/100000", "quota 'max/100000': cannot be read"),
        ("\u0665%", "quota '\\u0665%': cannot be read"),
        ("9" * 30 + "%", "cannot be read"),
        ("0%", "quota '0%': quota of 0 us: not in 1000..102400000"),
        ("999/100000", "quota '999/100000': quota of 999 us: not in 1000.."),
        ("102401%", "quota of 102401000 us: not in 1000..102400000"),
        ("1000/999", "quota '1000/999': period of 999 us: not in 1000..1000000"),
        ("1000/1000001", "period of 1000001 us: not in 1000..1000000"),
    ],
)
def test_bad_quota(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_quota(text)
    assert message in str(caught.value)


@pytest.mark.parametrize("weight", [0, 10001])
def test_bad_weight(weight: int) -> None:
    with pytest.raises(InputError, match=f"weight {weight}: not in 1..10000"):
        Change(weight=weight)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (Change(), (50 * MS, 100 * MS, 20 * MS)),
        (Change(quota_us=(30000, 100000)), (30 * MS, 100 * MS, 20 * MS)),
        (Change(quota_us=(10000, 50000)), (10 * MS, 50 * MS, 10 * MS)),
        (Change(quota_us=(0, 0)), (0, 0, 0)),
        (Change(burst_us=0), (50 * MS, 100 * MS, 0)),
        (Change(burst_us=50000), (50 * MS, 100 * MS, 50 * MS)),
        (Change(quota_us=(80000, 100000), burst_us=80000), (80 * MS, 100 * MS, 80 * MS)),
    ],
)
def test_quota_of_a_cell(change: Change, expected: tuple[int, int, int]) -> None:
    """One that has 50 ms of each 100 ms, and a burst of 20."""
    assert change.quota_ns(50 * MS, 100 * MS, 20 * MS) == expected


@pytest.mark.parametrize("change", [Change(burst_us=50001), Change(burst_us=-1)])
def test_bad_burst(change: Change) -> None:
    with pytest.raises(InputError, match=r"us: not in 0\.\.50000 \(a burst goes up to the quota\)"):
        change.quota_ns(50 * MS, 100 * MS, 0)
