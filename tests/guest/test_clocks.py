# SPDX-License-Identifier: Apache-2.0
"""CLOCK_MONOTONIC away from the run queues' clock, as NTP moves it: seconds in some days."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Iterator

import pytest
from bundle import burn
from conftest import Make
from load import cpus_used

from ocihook.sched.cell_set import change_cell
from ocihook.sched.change import Change

pytestmark = pytest.mark.usefixtures("scheduler")

ADJ_TICK = 0x4000
TICK_US = 10_000
STEERED_S = 20
"""At a tenth more or less, the most that adjtimex(2) accepts: 2 s ahead, and back."""


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


def steer(tick_us: int) -> None:
    set_tick(tick_us)
    try:
        time.sleep(STEERED_S)
    finally:
        set_tick(TICK_US)


@pytest.fixture
def _ahead() -> Iterator[None]:
    steer(TICK_US * 11 // 10)
    yield
    steer(TICK_US * 9 // 10)


@pytest.mark.usefixtures("_ahead")
def test_quota_counts_from_now(make: Make) -> None:
    """Not from when the other clock has caught up: until then there would be the first budget."""
    container = make("crun", command=burn(2)).run()
    change_cell(container.id, Change(quota_us=(50_000, 100_000)))
    assert cpus_used([container], 1)[0] > 0.3
