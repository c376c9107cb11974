# SPDX-License-Identifier: Apache-2.0
import pytest

from ocihook.abi import (
    Cell,
)
from ocihook.sched.columns import column


@pytest.mark.parametrize(
    ("member", "values"),
    [
        ("nr_runnable", [-2, 0]),
        ("generation", [7, 0]),
        ("nr_throttled", [9, 0]),
        ("own", [5, 0]),
    ],
)
def test_column(member: str, values: list[int]) -> None:
    first = Cell(nr_runnable=-2, generation=7, nr_throttled=9, own=(5, *[1] * 15))
    assert column(first.pack() + Cell().pack(), Cell, member) == values
