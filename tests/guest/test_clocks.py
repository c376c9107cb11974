# SPDX-License-Identifier: Apache-2.0
"""CLOCK_MONOTONIC away from the run queues' clock, as NTP moves it: seconds in some days."""

from __future__ import annotations

import ctypes
import itertools
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from cells import Workload, Workloads
from waiting import ticks_until, until

from ocihook._bpf.pinned import update
from ocihook.abi import (
    CELL_FIELD_FLAGS,
    CELL_FIELD_QUOTA,
    CELL_FLAG_FIXED_QUOTA,
    CellRequest,
)

pytestmark = [pytest.mark.once, pytest.mark.alone, pytest.mark.usefixtures("scheduler")]

ADJ_TICK = 0x4000
TICK_US = 10_000

AHEAD_NS = 300_000_000
"""At a tenth more or less, the most that adjtimex(2) accepts, 3 s of steering, and 3 s back."""

WINDOW_S = 0.2
"""How long the cell is watched after its quota has begun: less than the clocks are apart."""


class Timex(ctypes.Structure):
    """struct timex of the C library, as far as its ``tick``; the rest is room."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("before_status", ctypes.c_long * 4),
        ("status", ctypes.c_int),
        ("before_tick", ctypes.c_long * 5),
        ("tick", ctypes.c_long),
        ("rest", ctypes.c_long * 32),
    )


def set_tick(tick_us: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.adjtimex(ctypes.byref(Timex(modes=ADJ_TICK, tick=tick_us))) >= 0, os.strerror(
        ctypes.get_errno()
    )


def steered_ns() -> int:
    """Return how far CLOCK_MONOTONIC is ahead of the one that is never steered."""
    return time.monotonic_ns() - time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)


@contextmanager
def ahead() -> Iterator[None]:
    """Have CLOCK_MONOTONIC AHEAD_NS further than it was, and back where it was afterwards."""
    began_ns = steered_ns()
    try:
        set_tick(TICK_US * 11 // 10)
        until(lambda: steered_ns() >= began_ns + AHEAD_NS, "the clock's advance", seen=steered_ns)
        set_tick(TICK_US)
        yield
        set_tick(TICK_US * 9 // 10)
        until(lambda: steered_ns() <= began_ns, "the clock's return", seen=steered_ns)
    finally:
        set_tick(TICK_US)


def unserved_ns(cell: Workload) -> int:
    """Return how far CLOCK_MONOTONIC is ahead of the run queues' clock: the least of some looks.

    The latter is that of the last moment in which a CPU took a task of the cell.
    """
    looks = itertools.islice(ticks_until(10, step_s=0.003), 50)
    return min(time.monotonic_ns() - cell.cell().served_ns for _ in looks)


def cpus_at_once(cell: Workload, quota_us: int) -> float:
    """Set a quota of each 20 ms; return the CPUs used in the window that begins with it.

    0 if the machine stood still so long meanwhile that the other clock may have caught up.
    """
    # Named, as by `cells set`: the cgroup's file says nothing of it.
    request = CellRequest(
        cgid=cell.cgid,
        quota_ns=quota_us * 1000,
        period_ns=20_000_000,
        fields=CELL_FIELD_QUOTA | CELL_FIELD_FLAGS,
        flags=CELL_FLAG_FIXED_QUOTA,
    )
    began_ns = time.monotonic_ns()
    update(request)
    before = cell.use()
    for _ in ticks_until(WINDOW_S):
        pass
    after = cell.use()
    if after.at_ns - began_ns >= AHEAD_NS * 0.9:
        return 0.0
    return (after.run_ns - before.run_ns) / (after.at_ns - before.at_ns)


def test_quota_counts_from_now(cells: Workloads) -> None:
    """Not from when the other clock has caught up: until then there would be the first budget.

    That is 10 ms, and what two CPUs overdraw it by: 0.15 CPUs in the window at most. Half a CPU is
    right. Each try is a quota that begins anew. On a busy machine one may be off, either way: three
    in a row count.
    """
    cell = cells("limited", 4)
    cells.begin()
    until(lambda: cell.use().run_ns > 1e8, "its first CPU time")
    before_ns = unserved_ns(cell)
    with ahead():
        apart_ns = unserved_ns(cell) - before_ns
        assert apart_ns > AHEAD_NS / 2, "the run queues' clock is not steered"
        quota_us = itertools.count(10_000)
        tries: list[float] = []

        def counts() -> bool:
            tries.append(cpus_at_once(cell, next(quota_us)))
            return len(tries) >= 3 and min(tries[-3:]) > 0.3

        until(counts, "more than the first budget", timeout_s=60, seen=lambda: tries)
