# SPDX-License-Identifier: Apache-2.0
"""Three groups of weights 1:2:4, each with tasks for every CPU, on an idle host: who gets what?"""

from __future__ import annotations

import time

from .group import SETTLE_S, cpu_count, cpus_used, groups
from .topic import Bar, Figures, Topic, figure
from .variant import Variant, Want

WINDOW_S = 20.0
WEIGHTS = (100, 200, 400)
WORST = "worst, % off"
WANTS = tuple(Want(weight=weight) for weight in WEIGHTS)


def measure(variant: Variant) -> Figures:
    """Return each group's share against the one due to it, and how far the worst one is off."""
    with groups(variant, *(f"weight-{weight}" for weight in WEIGHTS)) as made:
        for group in made:
            group.burn(cpu_count())
        time.sleep(SETTLE_S)
        used = cpus_used(made, WINDOW_S)
    of_due = [cpus / sum(used) * sum(WEIGHTS) / w for cpus, w in zip(used, WEIGHTS, strict=True)]
    found = {f"of what {w} is due": value for w, value in zip(WEIGHTS, of_due, strict=True)}
    return {**found, WORST: max(abs(value - 1) for value in of_due) * 100}


TOPIC = Topic(
    name="weights",
    title="three groups of weights 1:2:4 on the same CPUs, 20 s",
    cpus=4,
    variants=(Variant("eevdf", False, WANTS), Variant("ocihook", True, WANTS)),
    measure=measure,
    bars=(
        Bar("weights 1:2:4, the worst off its share by", "<=", 3, "%", figure(WORST, "ocihook")),
    ),
)
