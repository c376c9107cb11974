# SPDX-License-Identifier: Apache-2.0
"""How many queues the nodes of the tree may have together. Pure.

A node begins with one, and gets more, up to one for each last-level cache, while there is room
(``bpf/grow.bpf.h``).
"""

QUEUE_BYTES = 160
"""``struct scx_dispatch_q``, 104 bytes on 7.3 in a slab of 128, and its place in the hash table."""

QUEUE_CPU_BYTES = 32
"""``struct scx_dsq_pcpu``: a part of each queue for each possible CPU, on 7.3 and not on 7.0."""

QUEUES_BYTES_MAX = 20_000_000
"""What all nodes' queues may take before no node gets a second one."""


def queue_bytes(possible: int, *, part_for_each_cpu: bool) -> int:
    """Return what a queue takes in a kernel, with so many possible CPUs."""
    return QUEUE_BYTES + (QUEUE_CPU_BYTES * possible if part_for_each_cpu else 0)


def queues_max(possible: int, *, part_for_each_cpu: bool) -> int:
    """Return how many queues there may be before no node gets a second one."""
    return QUEUES_BYTES_MAX // queue_bytes(possible, part_for_each_cpu=part_for_each_cpu)
