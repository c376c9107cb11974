# SPDX-License-Identifier: Apache-2.0
"""Which CPUs become a cell's own: what always holds, and the choices on known machines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocihook.own_cpus import choose
from ocihook.topology import Topology


def machine(nodes: int, llcs: int, cores: int, threads: int) -> Topology:
    """Return a machine of `nodes` with `llcs` each, and so on; siblings are numbered in a row."""
    total = nodes * llcs * cores * threads

    def groups(size: int) -> tuple[int, ...]:
        return tuple(((1 << size) - 1) << at for at in range(0, total, size))

    return Topology(
        (1 << total) - 1, groups(threads), groups(cores * threads), groups(llcs * cores * threads)
    )


FLAT = machine(1, 1, 4, 1)
SMT = machine(1, 1, 4, 2)
CHIPLETS = machine(2, 2, 4, 2)  # 32 CPUs, 8 to a cache, 16 to a node


@st.composite
def machines(draw: st.DrawFn) -> Topology:
    whole = machine(*(draw(st.integers(1, limit)) for limit in (2, 3, 4, 2)))
    online = draw(st.just(whole.online) | st.integers(0, whole.online)) | 1

    def left(groups: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(group & online for group in groups if group & online)

    return Topology(online, left(whole.cores), left(whole.llcs), left(whole.nodes))


masks = st.integers(0, (1 << 48) - 1) | st.just(0)
few = st.builds(lambda one, two, three: one & two & three, masks, masks, masks)
counts = st.integers(1, 50)


def free_cores(topology: Topology, used: int) -> list[int]:
    return [core for core in topology.cores if not core & used]


def most(topology: Topology, taken: int, allowed: int) -> int:
    """How many CPUs anybody may get: all that are available, but for one free core."""
    available = topology.online & ~taken & (allowed or topology.online)
    return max(((available & ~core).bit_count() for core in free_cores(topology, taken)), default=0)


@given(machines(), counts, masks, masks, masks)
def test_a_count(topology: Topology, count: int, taken: int, allowed: int, kept: int) -> None:
    chosen = choose(count, 0, topology, taken, allowed, kept)
    assert not chosen & taken
    assert not chosen & ~topology.online
    assert not allowed or not chosen & ~allowed
    assert not chosen or free_cores(topology, taken | chosen)
    assert chosen.bit_count() == min(count, most(topology, taken, allowed))


@given(machines(), st.integers(1, (1 << 48) - 1), masks, masks)
def test_a_list(topology: Topology, listed: int, taken: int, allowed: int) -> None:
    chosen = choose(0, listed, topology, taken, allowed)
    assert not chosen & ~listed
    assert not chosen & taken
    assert not chosen & ~topology.online
    assert not allowed or not chosen & ~allowed
    assert not chosen or free_cores(topology, taken | chosen)
    everything = listed & topology.online & ~taken & (allowed or topology.online)
    if free_cores(topology, taken | everything):
        assert chosen == everything


@given(st.data(), machines(), few, few)
def test_whole_cores_where_possible(
    data: st.DataObject, topology: Topology, taken: int, barred: int
) -> None:
    allowed = topology.online & ~barred
    available = topology.online & ~taken & (allowed or topology.online)
    whole = [core for core in topology.cores if core & available == core]
    # One core is the host's.
    possible = sum(core.bit_count() for core in whole) - max(map(int.bit_count, whole), default=0)
    count = data.draw(st.integers(0, max(possible, 0)))
    chosen = choose(count, 0, topology, taken, allowed)
    assert not chosen & ~sum(whole)
    assert len([core for core in topology.cores if core & chosen not in (0, core)]) <= 1


@given(st.data(), machines(), few)
def test_one_cache_where_it_fits(data: st.DataObject, topology: Topology, taken: int) -> None:
    whole = sum(core for core in topology.cores if not core & taken)
    sizes = sorted((llc & whole).bit_count() for llc in topology.llcs)
    # In two caches there is room: so the host's core does not matter.
    count = data.draw(st.integers(0, sizes[-2] if len(sizes) > 1 else 0))
    chosen = choose(count, 0, topology, taken, 0)
    assert any(chosen & llc == chosen for llc in topology.llcs)
    fitting = [llc for llc in topology.llcs if (llc & whole).bit_count() >= count]
    (used,) = [llc for llc in fitting if chosen & llc] or [fitting[0]]
    if count:
        assert (used & whole).bit_count() == min((llc & whole).bit_count() for llc in fitting)


@given(st.data(), machines(), few)
def test_the_same_again(data: st.DataObject, topology: Topology, taken: int) -> None:
    """What a cell has it keeps, though others would be chosen now."""
    count = data.draw(st.integers(0, most(topology, taken, 0)))
    gone = data.draw(few)
    had = choose(count, 0, topology, taken | gone, 0)
    if had.bit_count() == count:
        assert choose(count, 0, topology, taken, 0, kept=had) == had


@pytest.mark.parametrize(
    ("topology", "count", "taken", "chosen"),
    [
        # CPU 0 goes last.
        (FLAT, 1, 0, 0b1000),
        (FLAT, 3, 0, 0b1110),
        (FLAT, 4, 0, 0b1110),
        (FLAT, 1, 0b1110, 0),
        # Nothing is left to the host already, by cores that went offline: nobody gets more.
        (FLAT, 1, 0b1111, 0),
        (SMT, 2, 0, 0b1100_0000),
        (SMT, 3, 0, 0b1110_0000),
        (SMT, 8, 0, 0b1111_1100),
        # Halves are left: a whole core rather than two of them.
        (SMT, 2, 0b0100_0100, 0b0011_0000),
        # And halves where no more whole one may go.
        (SMT, 2, 0b0101_0100, 0b1000_0000 | 0b0010_0000),
        # The cache with the fewest to spare.
        (CHIPLETS, 4, 0x0000_0F00, 0x0000_F000),
        (CHIPLETS, 8, 0x0000_0F00, 0xFF00_0000),
        # One node rather than two, then as few caches as there can be.
        (CHIPLETS, 10, 0x0300_0000, 0xC0FF_0000),
        (CHIPLETS, 20, 0, 0xFFFF_F000),
    ],
)
def test_choices(topology: Topology, count: int, taken: int, chosen: int) -> None:
    found = choose(count, 0, topology, taken, 0)
    assert f"{found:#b}" == f"{chosen:#b}"


@pytest.mark.parametrize(
    ("listed", "taken", "allowed", "chosen"),
    [
        (0b0110, 0, 0, 0b0110),
        (0b0110, 0b0100, 0, 0b0010),
        (0b0110, 0, 0b0011, 0b0010),
        (0b11_0000, 0, 0, 0),
        # All of them: the first stays the host's.
        (0b1111, 0, 0, 0b1110),
    ],
)
def test_lists(listed: int, taken: int, allowed: int, chosen: int) -> None:
    assert choose(0, listed, FLAT, taken, allowed) == chosen


def test_small_cores_are_cores_too() -> None:
    """Two of two threads and two of one, as on hybrid machines."""
    hybrid = Topology(0b111111, (0b11, 0b1100, 0b10000, 0b100000), (0b111111,), (0b111111,))
    assert choose(1, 0, hybrid, 0, 0) == 0b100000
    assert choose(2, 0, hybrid, 0, 0) == 0b1100
    assert choose(6, 0, hybrid, 0, 0) == 0b101111
