# SPDX-License-Identifier: Apache-2.0
"""Percentiles of waits, from the histograms of ``struct cell_waits`` (bpf/abi.h). Pure."""

from collections.abc import Sequence
from itertools import accumulate


def bound_us(bucket: int, buckets: int) -> int | None:
    """Return what every wait in a bucket is below, in us: 1, 2, 4, and None for the last one."""
    return 1 << bucket if bucket < buckets - 1 else None


def percentile_bucket(counts: Sequence[int], percent: int) -> int | None:
    """Return the bucket that the wait of this percentile is in, or None where nothing waited.

    It is the first bucket with which at least ``percent`` of all waits are counted, 1 to 100.
    """
    total = sum(counts)
    if not total:
        return None
    return next(
        bucket for bucket, seen in enumerate(accumulate(counts)) if seen * 100 >= percent * total
    )


def below_us(counts: Sequence[int], percent: int) -> int | None:
    """Return what ``percent`` of the waits are below, in us.

    None where nothing waited, and where only the last bucket holds it, which has no bound.
    """
    bucket = percentile_bucket(counts, percent)
    return None if bucket is None else bound_us(bucket, len(counts))


def as_text(counts: Sequence[int], percent: int) -> str:
    """Return the same for people: ``< 512 us``, ``< 17 ms``, ``> 4.2 s``, or ``-``."""
    bucket = percentile_bucket(counts, percent)
    if bucket is None:
        return "-"
    bound = bound_us(bucket, len(counts))
    return f"> {_duration(1 << (bucket - 1))}" if bound is None else f"< {_duration(bound)}"


def _duration(us: int) -> str:
    """Write a time so that the digits tell no more than a power of two knows."""
    for unit, unit_us in (("s", 1_000_000), ("ms", 1000)):
        if us >= unit_us:
            return f"{us / unit_us:.1f} {unit}" if us < 10 * unit_us else f"{us // unit_us} {unit}"
    return f"{us} us"
