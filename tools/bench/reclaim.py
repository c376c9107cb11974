# SPDX-License-Identifier: Apache-2.0
"""A sleeper with a CPU of its own beside hogs that borrow it: how soon does it get it back?

The kernel's way to the same is a cpuset partition, which lends nothing; so does ``lend=false``.
What lending wins is what the hogs get beyond the other CPUs.
"""

from __future__ import annotations

from .delay import HOGS, P99, naps_beside
from .group import cpu_count, groups
from .topic import Bar, Figures, Topic, figure
from .variant import Variant, Want

OWN = Want(own="0")
LENT = "CPUs lent"
VARIANTS = (
    Variant("eevdf", False, (Want(), Want())),
    Variant("cpuset partition", False, (OWN, Want())),
    Variant("ocihook, lend=false", True, (OWN._replace(lend=False), Want())),
    Variant("ocihook", True, (OWN, Want())),
)


def measure(variant: Variant) -> Figures:
    """Return the owner's delays in microseconds, and what the borrowers had of its CPU."""
    with groups(variant, "owner", "hogs") as (owner, hogs):
        found = naps_beside(owner, hogs)
    return {**found, LENT: found[HOGS] - (cpu_count() - 1)}


TOPIC = Topic(
    name="reclaim",
    title="a sleeper (2 ms naps) with a CPU of its own, beside two hogs a CPU",
    cpus=2,
    variants=VARIANTS,
    measure=measure,
    bars=(Bar("reclaim of a lent CPU, p99", "<", 2000, "us", figure(P99, "ocihook")),),
)
