# SPDX-License-Identifier: Apache-2.0
"""A recording that is always the same: 4 CPUs, 400 ms, what a small host does under load.

web and batch share CPUs 0 and 1 by 3 to 1, cache owns CPU 2 and lends it, index is bound to CPU 3;
the host comes and goes, a real-time task passes by, and on CPU 3 some switches are lost.
"""

from random import Random

from ocihook.abi import RUN_CELL, RUN_IDLE, RUN_OTHER
from ocihook.timeline.lanes import Lanes, Switch
from ocihook.timeline.recording import Recording, Who

BEGAN_NS = 31_558_000_000_000
SPAN_NS = 400_000_000

WEB, BATCH, CACHE, INDEX, HOST = (1, 1), (2, 1), (3, 4), (4, 2), (0, 0)
NAMES: dict[Who, str] = {WEB: "web", BATCH: "batch", CACHE: "cache", INDEX: "index"}

MS = 1_000_000


def switches() -> list[Switch]:
    """Return the switches of all CPUs in order of time, as the ring has them."""
    chance = Random(5)
    found: list[Switch] = []
    for cpu in range(4):
        at_ns, seq = BEGAN_NS + cpu * 1000, 0
        while at_ns < BEGAN_NS + SPAN_NS:
            kind, (cell, generation), length_ns = _next(cpu, seq, chance)
            found.append((at_ns, cpu, seq, cell, generation, kind, 1000 + cell))
            at_ns += length_ns
            seq += 1
    # The ring was full for a while.
    lost = [s for s in found if s[1] == 3 and 300 * MS < s[0] - BEGAN_NS < 330 * MS]
    return sorted(set(found) - set(lost))


def _next(cpu: int, seq: int, chance: Random) -> tuple[int, Who, int]:
    jitter_ns = chance.randrange(-MS // 4, MS // 4)
    if cpu == 1 and seq == 60:
        return RUN_OTHER, HOST, 9 * MS
    if chance.random() < 0.06:
        return RUN_CELL, HOST, MS // 2 + jitter_ns
    if cpu < 2:
        who = BATCH if seq % 4 == 3 else WEB
        return RUN_CELL, who, 2 * MS + jitter_ns
    if cpu == 2:
        turn = seq // 12 % 3
        if turn == 2:
            return (RUN_IDLE, HOST, 3 * MS) if seq % 2 else (RUN_CELL, BATCH, 3 * MS + jitter_ns)
        return RUN_CELL, CACHE, 4 * MS + jitter_ns
    return (RUN_IDLE, HOST, MS + jitter_ns) if seq % 3 == 2 else (RUN_CELL, INDEX, 4 * MS)


def recording() -> Recording:
    """Return what ``ocihook record`` would have made of it."""
    lanes = Lanes(range(4), BEGAN_NS)
    for switch in switches():
        lanes.add(switch)
    ended_ns = BEGAN_NS + SPAN_NS
    return Recording(
        title="Which cell ran on which CPU",
        machine="example",
        began_ns=BEGAN_NS,
        ended_ns=ended_ns,
        lanes=lanes.close(ended_ns),
        names=NAMES,
        dropped=lanes.dropped,
    )
