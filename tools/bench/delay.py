# SPDX-License-Identifier: Apache-2.0
"""A group that sleeps beside one that fills every CPU: how late does it wake up, at what cost?

The cost is what the machine gets done meanwhile: a cpuset keeps the delay short and leaves a CPU
idle, sharing by weights uses the machine and lets the sleeper wait.
"""

from __future__ import annotations

import time

from .group import SETTLE_S, Group, cpu_count, groups
from .topic import Bar, Figures, Topic, ratio
from .variant import Variant, Want

NAPS = 1500
P50, P99, LARGEST = "delay p50 us", "delay p99 us", "largest us"
HOGS, ALL = "CPUs of the hogs", "CPUs used"

OTHERS = f"1-{cpu_count() - 1}"
VARIANTS = (
    Variant("eevdf", False, (Want(), Want())),
    Variant("eevdf 10000:100", False, (Want(weight=10000), Want())),
    Variant("cpuset", False, (Want(cpuset="0"), Want(cpuset=OTHERS))),
    Variant("ocihook", True, (Want(), Want())),
)


def naps_beside(sleeper: Group, hogs: Group) -> Figures:
    """Fill all CPUs with hogs, two each; return the sleeper's delays, and who used how much."""
    hogs.burn(2 * cpu_count())
    time.sleep(SETTLE_S)
    began_s, hogs_s, sleeper_s = time.monotonic(), hogs.usage_s(), sleeper.usage_s()
    p50_us, p99_us, largest_us = sleeper.probe("sleep", str(NAPS))
    took_s = time.monotonic() - began_s
    hogs_cpus = (hogs.usage_s() - hogs_s) / took_s
    all_cpus = hogs_cpus + (sleeper.usage_s() - sleeper_s) / took_s
    return {P50: p50_us, P99: p99_us, LARGEST: largest_us, HOGS: hogs_cpus, ALL: all_cpus}


def measure(variant: Variant) -> Figures:
    """Return the delays of a sleeper beside hogs, in microseconds, and how many CPUs were used."""
    with groups(variant, "sleeper", "hogs") as (sleeper, hogs):
        return naps_beside(sleeper, hogs)


TOPIC = Topic(
    name="delay",
    title="a sleeper (2 ms naps) beside two hogs a CPU",
    cpus=2,
    variants=VARIANTS,
    measure=measure,
    bars=(
        Bar("delay p99, against a static cpuset", "<=", 1.25, "x", ratio(P99, "ocihook", "cpuset")),
        Bar("delay p99, against EEVDF", "<", 1, "x", ratio(P99, "ocihook", "eevdf")),
        Bar(
            "delay p99, against EEVDF 10000:100",
            "<",
            1,
            "x",
            ratio(P99, "ocihook", "eevdf 10000:100"),
        ),
        Bar("machine used, against EEVDF", ">=", 0.97, "x", ratio(ALL, "ocihook", "eevdf")),
    ),
)
