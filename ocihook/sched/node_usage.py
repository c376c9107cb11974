# SPDX-License-Identifier: Apache-2.0
"""What tasks of each node of the tree of cgroups did in an interval, cells and others. Pure.

A cell counts what runs in the nodes that lie in it as well, and the host what runs in no cell. Here
each node has what its own tasks did, so that sums over a part of the tree count nothing twice.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from ocihook.abi import CELL_DRAINING, CELL_NODE_DRAINING, Cell
from ocihook.sched.columns import column
from ocihook.sched.tree import NodeDue, boxes_of

NS_PER_US = 1000


class NodeUsage(NamedTuple):
    """A node, and what its own tasks did; ``promised``, ``whole`` and ``got`` in CPUs.

    ``shared`` is the cell that its cgroup shares with others, or 0. ``promised`` is 0 while the
    node is not ``busy``; ``whole`` is the due of all at and below it, as ``NodeDue`` has it.
    ``quota_us`` is of ``period_us``; 0 for no limit.
    """

    slot: int
    cgid: int
    parent: int
    draining: bool
    shared: int
    weight: int
    quota_us: int
    period_us: int
    burst_us: int
    busy: bool
    promised: float
    whole: float
    got: float
    runnable: int


def node_usage(
    cells: bytes | bytearray,
    now: Mapping[str, Sequence[int]],
    dues: Mapping[int, NodeDue],
    run_ns: Callable[[int], int],
    interval_ns: int,
) -> tuple[NodeUsage, ...]:
    """Return what each node that is due anything did, by number of its slot.

    ``cells`` is the table, ``now`` some columns of it, and ``run_ns`` what was counted for a slot
    in the interval, for a cell with all that lies in it. What ran in a cgroup that has ended since
    counts as the cell's own.
    """
    ran_ns = {slot: run_ns(slot) for slot in sorted(dues)}
    nested_ns: dict[int, int] = defaultdict(int)
    boxes = boxes_of(now["state"], now["box"])
    for slot, each_ns in ran_ns.items():
        if boxes[slot] != slot:
            nested_ns[boxes[slot]] += each_ns
    cgids, periods, bursts = (
        column(cells, Cell, name) for name in ("cgid", "period_ns", "burst_ns")
    )
    return tuple(
        NodeUsage(
            slot=slot,
            cgid=cgids[slot],
            parent=now["parent"][slot],
            draining=now["state"][slot] in (CELL_DRAINING, CELL_NODE_DRAINING),
            shared=now["shared"][slot],
            weight=now["weight"][slot],
            quota_us=now["quota_ns"][slot] // NS_PER_US,
            period_us=periods[slot] // NS_PER_US,
            burst_us=bursts[slot] // NS_PER_US,
            busy=dues[slot].busy,
            promised=dues[slot].own,
            whole=dues[slot].whole,
            got=max(each_ns - nested_ns[slot], 0) / interval_ns,
            runnable=max(now["nr_runnable"][slot], 0),
        )
        for slot, each_ns in ran_ns.items()
    )
