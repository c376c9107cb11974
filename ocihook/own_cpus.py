# SPDX-License-Identifier: Apache-2.0
"""Choose the CPUs that become a cell's own. Pure; on the hook's path where CPUs are wished.

All arguments and results are cpumasks, but for counts.

A core that two cells have halves of is the worst neighbourhood there is, a cache of the last level
shared with strangers the next, memory of two nodes the third: so whole cores go first, then one
cache, then one node. The host keeps one whole core that is nobody's own, whatever is wished.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ocihook.topology import Topology


def choose(
    count: int, listed: int, topology: "Topology", taken: int, allowed: int, kept: int = 0
) -> int:
    """Return the CPUs for a wish of `count`, or of those `listed`: as many as there are.

    `taken` are others' own CPUs, `allowed` is what the cell may use (0: all), `kept` what it has
    now or had: it keeps that while it is what the wish asks for.
    """
    available = topology.online & ~taken
    if allowed:
        available &= allowed
    if listed:
        available &= listed
        return available & ~_reserve(available, available, topology, taken)
    kept &= available
    if kept.bit_count() == count and not _reserve(kept, available, topology, taken):
        return kept
    chosen = _pick(count, topology, available)
    reserve = _reserve(chosen, available, topology, taken)
    return _pick(count, topology, available & ~reserve) if reserve else chosen


def _reserve(chosen: int, available: int, topology: "Topology", taken: int) -> int:
    """Return what has to be left alone so that one whole core stays nobody's own.

    Nothing, where `chosen` leaves one; else the core that costs the least. Of equals the first,
    since CPU 0 is where the machine's own work tends to be. Every CPU, where others have left none.
    """
    free = [core for core in topology.cores if not core & taken]
    if not free:
        return topology.online
    if not all(core & chosen for core in free):
        return 0
    return min(free, key=lambda core: ((core & available).bit_count(), core))


def _pick(count: int, topology: "Topology", available: int) -> int:
    whole = 0
    for core in topology.cores:
        if core & available == core:
            whole |= core
    for pool in (whole, available):
        if pool.bit_count() >= count:
            group = _best_fit(count, topology.llcs, pool) or _best_fit(count, topology.nodes, pool)
            return _spread(count, topology, group or pool)
    return available


def _best_fit(count: int, groups: "Iterable[int]", pool: int) -> int:
    """Return the CPUs of `pool` in that group which has enough of them and the fewest to spare."""
    parts = [group & pool for group in groups if (group & pool).bit_count() >= count]
    # Of equals the last, as with cores: the first has CPU 0.
    return min(parts, key=lambda part: (part.bit_count(), -part), default=0)


def _spread(count: int, topology: "Topology", pool: int) -> int:
    """Return `count` CPUs of `pool`, from as few nodes, then caches, as it takes."""
    chosen = 0
    for of_node, node in _shares(count, topology.nodes, pool):
        for of_llc, llc in _shares(of_node, topology.llcs, node):
            chosen |= _of_cores(of_llc, topology.cores, llc)
    return chosen


def _shares(count: int, groups: "Iterable[int]", pool: int) -> "list[tuple[int, int]]":
    """Divide `count` over groups: pairs of a number, and the CPUs of `pool` to take it from.

    The largest go in whole while none has all that is left: that takes the fewest groups.
    """
    shares = []
    parts = [group & pool for group in groups]
    while count:
        part = _best_fit(count, parts, pool) or max(parts, key=_size)
        shares.append((min(count, part.bit_count()), part))
        count -= shares[-1][0]
        pool &= ~part
        parts = [part & pool for part in parts]
    return shares


def _of_cores(count: int, cores: "Iterable[int]", pool: int) -> int:
    """Return `count` CPUs of `pool`: cores as a whole, then a piece of one."""
    chosen = 0
    parts = [core & pool for core in cores]
    for part in sorted(parts, key=_size, reverse=True):
        if part.bit_count() <= count - chosen.bit_count():
            chosen |= part
    # A core that was passed over has more than what is missing now.
    if chosen.bit_count() < count:
        rest = _best_fit(count - chosen.bit_count(), parts, pool & ~chosen)
        while chosen.bit_count() < count:
            cpu = rest.bit_length() - 1
            chosen |= 1 << cpu
            rest &= ~chosen
    return chosen


def _size(cpus: int) -> tuple[int, int]:
    """Order by number of CPUs; of equals the higher ones count more."""
    return cpus.bit_count(), cpus
