# SPDX-License-Identifier: Apache-2.0
"""What one group gets done that has the machine to itself, where it switches tasks all the time."""

from __future__ import annotations

from .group import groups
from .topic import Bar, Figures, Topic, ratio
from .variant import Variant, Want

WINDOW_S = 3
PIPE, FORK = "pipe rounds/s", "forks/s"


def measure(variant: Variant) -> Figures:
    """Return how often a second a byte went there and back, and how often a child came and went."""
    with groups(variant, "alone") as (alone,):
        return {
            PIPE: alone.probe("pipe", str(WINDOW_S))[0],
            FORK: alone.probe("fork", str(WINDOW_S))[0],
        }


TOPIC = Topic(
    name="throughput",
    title="inside one group, nothing beside it",
    cpus=4,
    variants=(Variant("eevdf", False, (Want(),)), Variant("ocihook", True, (Want(),))),
    measure=measure,
    bars=(
        Bar("pipe ping-pong, against EEVDF", ">=", 0.9, "x", ratio(PIPE, "ocihook", "eevdf")),
        Bar("fork storm, against EEVDF", ">=", 0.9, "x", ratio(FORK, "ocihook", "eevdf")),
    ),
)
