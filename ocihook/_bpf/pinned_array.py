# SPDX-License-Identifier: Apache-2.0
"""Read the scheduler's tables through their pins."""

import os
from typing import Generic, TypeVar

from ocihook._bpf.pinned import open_pin
from ocihook._bpf.syscalls import map_lookup, map_lookup_many, map_max_entries, map_sizes
from ocihook.errors import AbiMismatch
from ocihook.paths import PIN_DIR
from ocihook.record import Record

RecordT = TypeVar("RecordT", bound=Record)


class PinnedArray(Generic[RecordT]):
    """A pinned array map of one kind of record, open for reading."""

    def __init__(
        self,
        name: str,
        record: type[RecordT],
        copies: int = 1,
        directory: str = PIN_DIR,
        *,
        slots: int = 0,
    ) -> None:
        """Open ``name``, whose elements are ``copies`` records: one, or one a possible CPU.

        Where ``slots`` is given, the map has one or more elements for each of so many, as its own
        size tells, those of a slot one behind the other. Here they are one element then.

        Raises:
            SchedulerUnavailable: nothing is loaded.
            AbiMismatch: the map's values have another size.
        """
        self._record = record
        self._adjacent = 1
        self._fd = open_pin(name, directory)
        # bpf(2) takes no buffer length: a larger value than expected would be written past ours.
        _, value_bytes = map_sizes(self._fd)
        if value_bytes != record.LAYOUT.size:
            os.close(self._fd)
            raise AbiMismatch(
                f"map {name} has values of {value_bytes} bytes, not {record.LAYOUT.size}",
                "replace it by this version: ocihook scheduler reload",
            )
        if slots:
            self._adjacent = max(map_max_entries(self._fd) // slots, 1)
        self.copies = copies * self._adjacent
        """How many records an element has."""

    def read(self, index: int) -> list[RecordT]:
        """Return the records of one element."""
        size, value = self._record.LAYOUT.size, self.read_bytes(index)
        return [self._record.unpack(value[at : at + size]) for at in range(0, len(value), size)]

    def read_bytes(self, index: int) -> bytearray:
        """Return one element as it is."""
        value = bytearray(self._record.LAYOUT.size * self.copies)
        if self._adjacent == 1:
            map_lookup(self._fd, index, value)
        else:
            self._read_many(index, 1, value)
        return value

    def read_first(self, count: int) -> bytearray:
        """Return the first ``count`` elements as they are, one behind the other, ``copies`` each.

        In one system call: element by element it would be one for each of up to 4096.
        """
        values = bytearray(self._record.LAYOUT.size * self.copies * count)
        self._read_many(0, count, values)
        return values

    def _read_many(self, index: int, count: int, values: bytearray) -> None:
        first, wanted = index * self._adjacent, count * self._adjacent
        read = map_lookup_many(self._fd, first, wanted, values)
        assert read == wanted, f"{read} of {wanted} elements"

    def close(self) -> None:
        """Close the map."""
        os.close(self._fd)
