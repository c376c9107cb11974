# SPDX-License-Identifier: Apache-2.0
import re
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocihook import abi
from ocihook.abi import Cell, CellQuery, CellRelease, CellSweep, SchedulerRecord
from ocihook.record import Record

RECORDS = [
    value
    for value in vars(abi).values()
    if isinstance(value, type) and issubclass(value, Record) and value is not Record
]
RANGES = {
    "I": (0, (1 << 32) - 1),
    "i": (-(1 << 31), (1 << 31) - 1),
    "Q": (0, (1 << 64) - 1),
    "q": (-(1 << 63), (1 << 63) - 1),
}


def members(record: type[Record]) -> dict[str, st.SearchStrategy[Any]]:
    """Return a strategy for each member, read off the format by other means than `Record`."""
    strategies: list[st.SearchStrategy[Any]] = []
    for count, letter in re.findall(r"(\d*)([A-Za-z])", record.LAYOUT.format):
        if letter == "x":
            continue
        if letter == "s":
            strategies.append(st.binary(max_size=int(count)).map(lambda b: b.replace(b"\0", b"")))
            continue
        if letter == "H":  # drawn one by one, a number a CPU would be more than hypothesis draws
            size = 2 * int(count)
            raw = st.binary(min_size=size, max_size=size)
            strategies.append(raw.map(lambda b, form=f"{count}H": struct.unpack(form, b)))
            continue
        numbers = st.integers(*RANGES[letter])
        strategies.append(st.tuples(*[numbers] * int(count)) if count else numbers)
    return dict(zip(record.__slots__, strategies, strict=True))


def values(record: Record) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__slots__}


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
@given(data=st.data())
def test_round_trip(record: type[Record], data: st.DataObject) -> None:
    given_values = data.draw(st.fixed_dictionaries(members(record)))
    packed = record(**given_values).pack()
    assert len(packed) == record.LAYOUT.size
    again = record.unpack(packed)
    assert values(again) == given_values
    assert again.pack() == packed


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_defaults_are_all_zero(record: type[Record]) -> None:
    assert record().pack() == bytes(record.LAYOUT.size)
    assert values(record.unpack(bytes(record.LAYOUT.size))) == values(record())


def test_the_buffer_is_for_the_kernel_to_write_to() -> None:
    packed = CellQuery(pid=7).pack()
    packed[4:8] = (3).to_bytes(4, "little")
    assert (CellQuery.unpack(packed).pid, CellQuery.unpack(packed).cell) == (7, 3)


def test_members_lie_where_abi_h_has_them() -> None:
    """Little endian, without a hole: struct cell_query has one written out before its cgid."""
    packed = CellQuery(pid=1, cell=2, generation=3, cgid=4).pack()
    assert packed.hex() == "010000000200000003000000000000000400000000000000"
    assert CellSweep(claims=1, dead=2, drained=3).pack().hex() == "01000000020000000300000000000000"


def test_text_ends_at_the_first_nul() -> None:
    packed = CellRelease(container=b"abc").pack()
    packed[16:24] = b"ab\0d\xff\xff\xff\xff"
    assert CellRelease.unpack(packed).container == b"ab"


def test_text_of_full_length_has_no_nul() -> None:
    full = b"x" * 256
    assert CellRelease.unpack(CellRelease(container=full).pack()).container == full


def test_text_that_is_too_long_is_cut() -> None:
    packed = CellRelease(container=b"x" * 300, released=9).pack()
    assert CellRelease.unpack(packed).container == b"x" * 256
    assert CellRelease.unpack(packed).released == 9


@pytest.mark.parametrize(
    "record",
    [
        CellQuery(pid=1 << 32),
        CellQuery(pid=-1),
        SchedulerRecord(exit_code=1 << 63),
        Cell(allowed=(1 << 64,) + (0,) * 15),
        Cell(allowed=(0,) * 15),
        Cell(allowed=(0,) * 17),
    ],
)
def test_number_that_does_not_fit(record: Record) -> None:
    with pytest.raises(struct.error):
        record.pack()


@pytest.mark.parametrize("size", [0, 23, 25])
def test_data_of_another_size(size: int) -> None:
    with pytest.raises(struct.error):
        CellQuery.unpack(bytes(size))
