# SPDX-License-Identifier: Apache-2.0
"""Whole arrays in one bpf(2) call, from this machine's kernel: as root, without sched_ext."""

import ctypes
import os
import platform
import struct
from collections.abc import Iterator

import pytest

from ocihook._bpf.syscalls import map_lookup, map_lookup_many, map_max_entries, map_sizes
from ocihook.errors import SystemCallError
from ocihook.topology import possible_cpus

NR_BPF = {"x86_64": 321, "aarch64": 280}
"""asm/unistd_64.h and asm-generic/unistd.h"""

MAP_CREATE, MAP_UPDATE_ELEM = 0, 2
ARRAY, PERCPU_ARRAY = 2, 6
"""enum bpf_cmd and enum bpf_map_type of include/uapi/linux/bpf.h"""

ELEMENTS = 40
CPUS = possible_cpus().bit_count()

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="bpf(2) is for root")


def bpf(command: int, attributes: bytes) -> int:
    buffer = ctypes.create_string_buffer(attributes.ljust(128, b"\0"))
    libc = ctypes.CDLL(None, use_errno=True)
    result: int = libc.syscall(NR_BPF[platform.machine()], command, buffer, 128)
    if result < 0:
        pytest.skip(f"bpf(2) is not for us here: {os.strerror(ctypes.get_errno())}")
    return result


@pytest.fixture(params=[ARRAY, PERCPU_ARRAY], ids=["array", "per-CPU"])
def array(request: pytest.FixtureRequest) -> Iterator[tuple[int, int]]:
    """An array whose element n is n in each copy of its 8 bytes; and how many copies there are."""
    copies = CPUS if request.param == PERCPU_ARRAY else 1
    fd = bpf(MAP_CREATE, struct.pack("<IIII", request.param, 4, 8, ELEMENTS))
    for number in range(ELEMENTS):
        key = ctypes.c_uint32(number)
        value = (ctypes.c_uint64 * copies)(*[number] * copies)
        at = ctypes.addressof(key), ctypes.addressof(value)
        bpf(MAP_UPDATE_ELEM, struct.pack("<IxxxxQQQ", fd, *at, 0))
    yield fd, copies
    os.close(fd)


@pytest.mark.parametrize("count", [1, 7, ELEMENTS])
def test_the_first_elements(array: tuple[int, int], count: int) -> None:
    fd, copies = array
    assert map_sizes(fd) == (4, 8)
    assert map_max_entries(fd) == ELEMENTS
    values = bytearray(8 * copies * count)
    assert map_lookup_many(fd, 0, count, values) == count
    wanted = [number for number in range(count) for _ in range(copies)]
    assert list(struct.unpack(f"<{count * copies}Q", values)) == wanted
    one = bytearray(8 * copies)
    map_lookup(fd, count - 1, one)
    assert one == values[-8 * copies :]


@pytest.mark.parametrize(("first", "count"), [(1, 1), (5, 16), (ELEMENTS - 3, 3)])
def test_elements_in_the_middle(array: tuple[int, int], first: int, count: int) -> None:
    fd, copies = array
    values = bytearray(8 * copies * count)
    assert map_lookup_many(fd, first, count, values) == count
    wanted = [number for number in range(first, first + count) for _ in range(copies)]
    assert list(struct.unpack(f"<{count * copies}Q", values)) == wanted


def test_more_than_there_are(array: tuple[int, int]) -> None:
    fd, copies = array
    values = bytearray(8 * copies * (ELEMENTS + 1))
    assert map_lookup_many(fd, 0, ELEMENTS + 1, values) == ELEMENTS


def test_what_is_no_map() -> None:
    fd = os.open("/dev/null", os.O_RDONLY)
    try:
        with pytest.raises(SystemCallError, match="read of 1 map elements: invalid argument"):
            map_lookup_many(fd, 0, 1, bytearray(8))
        with pytest.raises(SystemCallError, match="size of BPF map: invalid argument"):
            map_max_entries(fd)
    finally:
        os.close(fd)
