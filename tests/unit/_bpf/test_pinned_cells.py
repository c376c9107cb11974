# SPDX-License-Identifier: Apache-2.0
"""What the hook reads of the tables when CPUs are wished."""

import os

import pytest

from ocihook import cpulist
from ocihook._bpf import pinned_cells
from ocihook.abi import Cell, SchedulerRecord
from ocihook.errors import AbiMismatch


class Maps:
    """In place of the pinned maps: their elements, by name; and the fds that were opened."""

    def __init__(self) -> None:
        self.elements: dict[str, dict[int, bytes]] = {"cells": {}, "scheduler": {}}
        self.open: dict[int, str] = {}

    def open_pin(self, name: str) -> int:
        fd = os.open("/dev/null", os.O_RDONLY)
        self.open[fd] = name
        return fd

    def sizes(self, fd: int) -> tuple[int, int]:
        return 4, len(next(iter(self.elements[self.open[fd]].values())))

    def lookup(self, fd: int, key: int, value: bytearray) -> None:
        value[:] = self.elements[self.open[fd]][key]


@pytest.fixture
def maps(monkeypatch: pytest.MonkeyPatch) -> Maps:
    fake = Maps()
    monkeypatch.setattr(pinned_cells, "open_pin", fake.open_pin)
    monkeypatch.setattr(pinned_cells, "map_sizes", fake.sizes)
    monkeypatch.setattr(pinned_cells, "map_lookup", fake.lookup)
    return fake


def all_closed(maps: Maps) -> bool:
    return not any(os.path.exists(f"/proc/self/fd/{fd}") for fd in maps.open)


def test_owned_cpus(maps: Maps) -> None:
    record = SchedulerRecord(owned=cpulist.to_words(1 << 1023 | 0b101))
    maps.elements["scheduler"][0] = bytes(record.pack())
    assert pinned_cells.owned_cpus() == 1 << 1023 | 0b101
    assert all_closed(maps)


def test_a_cell_of_its_own_is_in_charge(maps: Maps) -> None:
    maps.elements["cells"][3] = bytes(Cell(generation=7, weight=300).pack())
    slot, cell = pinned_cells.cell_in_charge(3)
    assert (slot, cell.generation, cell.weight) == (3, 7, 300)
    assert all_closed(maps)


@pytest.mark.parametrize(("generation", "in_charge"), [(9, 5), (10, 3)])
def test_a_shared_cell(maps: Maps, generation: int, in_charge: int) -> None:
    """One of another generation is somebody else's by now."""
    maps.elements["cells"][3] = bytes(Cell(shared=5, shared_generation=9, weight=1).pack())
    maps.elements["cells"][5] = bytes(Cell(generation=generation, weight=5).pack())
    slot, cell = pinned_cells.cell_in_charge(3)
    assert slot == in_charge
    assert cell.weight == (5 if in_charge == 5 else 1)
    assert all_closed(maps)


def test_a_table_of_another_build(maps: Maps) -> None:
    maps.elements["cells"][3] = b"short"
    with pytest.raises(AbiMismatch, match="map cells has values of 5 bytes, not 1024"):
        pinned_cells.read_cell(3)
    assert all_closed(maps)
