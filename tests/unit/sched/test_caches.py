# SPDX-License-Identifier: Apache-2.0
from ocihook.abi import OCIHOOK_MAX_LLCS
from ocihook.sched.caches import MAX_CPUS, number_caches
from ocihook.topology import Topology


def topology(llcs: tuple[int, ...], nodes: tuple[int, ...]) -> Topology:
    online = sum(llcs)
    return Topology(online, tuple(1 << cpu for cpu in range(online.bit_length())), llcs, nodes)


def test_one_cache() -> None:
    count, numbers = number_caches(topology((0b1111,), (0b1111,)))
    assert (count, set(numbers), len(numbers)) == (1, {0}, MAX_CPUS)


def test_caches_of_a_node_are_adjacent() -> None:
    """Two nodes of two caches each, whose CPUs the firmware numbered in turn."""
    llcs = (0b0001_0001, 0b0010_0010, 0b0100_0100, 0b1000_1000)
    nodes = (0b0101_0101, 0b1010_1010)
    count, numbers = number_caches(topology(llcs, nodes))
    assert count == 4
    assert numbers[:8] == (0, 2, 1, 3, 0, 2, 1, 3)


def test_more_caches_than_queues_share_them() -> None:
    caches = 3 * OCIHOOK_MAX_LLCS
    llcs = tuple(0b11 << 2 * i for i in range(caches))
    count, numbers = number_caches(topology(llcs, (sum(llcs),)))
    assert count == OCIHOOK_MAX_LLCS
    assert list(numbers[: 2 * caches]) == sorted(numbers[: 2 * caches])
    assert {numbers[: 2 * caches].count(number) for number in set(numbers[: 2 * caches])} == {6}


def test_cpu_that_is_offline() -> None:
    _, numbers = number_caches(topology((0b01, 0b100), (0b101,)))
    assert numbers[:4] == (0, 0, 1, 0)
