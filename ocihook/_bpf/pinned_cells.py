# SPDX-License-Identifier: Apache-2.0
"""Read a cell, and whose CPUs are whose, through the pins. On the hook's path."""

import posix as os

from ocihook import cpulist
from ocihook._bpf.pinned import open_pin
from ocihook._bpf.syscalls import map_lookup, map_sizes
from ocihook.abi import Cell, SchedulerRecord
from ocihook.errors import AbiMismatch


def read_cell(slot: int) -> Cell:
    """Return what the table holds in `slot`.

    Raises:
        SchedulerUnavailable: nothing is loaded.
        AbiMismatch: the map's values have another size; so do all of these.
    """
    return Cell.unpack(_element("cells", slot, Cell.LAYOUT.size))


def cell_in_charge(slot: int) -> tuple[int, Cell]:
    """Return slot and content of the cell that decides for the one in `slot`.

    For a cgroup that shares a cell by its name, that is the shared one; else itself.
    """
    cell = read_cell(slot)
    if cell.shared:
        shared = read_cell(cell.shared)
        if shared.generation == cell.shared_generation:
            return cell.shared, shared
    return slot, cell


def owned_cpus() -> int:
    """Return the mask of the CPUs that are some cell's own."""
    record = SchedulerRecord.unpack(_element("scheduler", 0, SchedulerRecord.LAYOUT.size))
    return cpulist.from_words(record.owned)


def _element(name: str, index: int, size_bytes: int) -> bytearray:
    fd = open_pin(name)
    try:
        # bpf(2) takes no buffer length: a larger value than expected would be written past ours.
        _, value_bytes = map_sizes(fd)
        if value_bytes != size_bytes:
            raise AbiMismatch(
                f"map {name} has values of {value_bytes} bytes, not {size_bytes}",
                "replace it by this version: ocihook scheduler reload",
            )
        value = bytearray(size_bytes)
        map_lookup(fd, index, value)
        return value
    finally:
        os.close(fd)
