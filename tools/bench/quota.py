# SPDX-License-Identifier: Apache-2.0
"""A group with tasks for every CPU and a quota of half a CPU: does it get that, and no more?

The kernel's own bandwidth control does not see tasks of a sched_ext scheduler: with ocihook only
the cell limits.
"""

from __future__ import annotations

import time

from .group import SETTLE_S, cpu_count, cpus_used, groups
from .topic import Bar, Figures, Topic, figure
from .variant import PERIOD_US, Variant, Want

WINDOW_S = 10.0
"""A hundred periods: where in a period it begins and ends is one per cent."""

SHARE = 0.5
ALONE, BESIDE = "alone", "beside hogs"
WANTS = (Want(quota_us=int(SHARE * PERIOD_US)), Want())


def _off(name: str) -> str:
    return f"{name}, % off"


def measure(variant: Variant) -> Figures:
    """Return how many CPUs the limited group used, alone and beside two hogs a CPU."""
    used: Figures = {}
    with groups(variant, "limited", "hogs") as (limited, hogs):
        limited.burn(cpu_count())
        time.sleep(SETTLE_S)
        (used[ALONE],) = cpus_used([limited], WINDOW_S)
        hogs.burn(2 * cpu_count())
        time.sleep(SETTLE_S)
        (used[BESIDE],) = cpus_used([limited], WINDOW_S)
    found = {f"CPUs {name}": cpus for name, cpus in used.items()}
    return found | {_off(name): abs(cpus / SHARE - 1) * 100 for name, cpus in used.items()}


TOPIC = Topic(
    name="quota",
    title="a group with tasks for every CPU and a quota of half a CPU",
    cpus=4,
    variants=(Variant("eevdf", False, WANTS), Variant("ocihook", True, WANTS)),
    measure=measure,
    bars=tuple(
        Bar(f"quota of half a CPU, {name}, off by", "<=", 5, "%", figure(_off(name), "ocihook"))
        for name in (ALONE, BESIDE)
    ),
)
