# SPDX-License-Identifier: Apache-2.0
"""Number the caches of the last level for the scheduler: each cell has a queue for every one."""

from ocihook.abi import OCIHOOK_CPU_WORDS, OCIHOOK_MAX_LLCS
from ocihook.topology import Topology

MAX_CPUS = OCIHOOK_CPU_WORDS * 64


def number_caches(topology: Topology) -> tuple[int, tuple[int, ...]]:
    """Return how many caches are told apart, and the number of each CPU's (``MAX_CPUS`` entries).

    Those of one NUMA node have adjacent numbers: a CPU that finds nothing in its own queue goes
    on with the next number. Where there are more than ``OCIHOOK_MAX_LLCS``, neighbours share one.
    A CPU that is offline now has number 0 if it comes later.
    """
    in_order = [
        llc
        for node in topology.nodes
        for llc in sorted(topology.llcs, key=_lowest)
        if node & (llc & -llc)
    ]
    told_apart = min(len(in_order), OCIHOOK_MAX_LLCS)
    numbers = [0] * MAX_CPUS
    for position, llc in enumerate(in_order):
        for cpu in range(llc.bit_length()):
            if llc >> cpu & 1 and cpu < MAX_CPUS:
                numbers[cpu] = position * told_apart // len(in_order)
    return max(told_apart, 1), tuple(numbers)


def _lowest(mask: int) -> int:
    return mask & -mask
