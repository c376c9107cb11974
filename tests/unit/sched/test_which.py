# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest

from ocihook.errors import InputError
from ocihook.sched.which import find_cell


def row(cell: int, name: str, container: str = "", *members: str) -> dict[str, Any]:
    return {
        "cell": cell,
        "name": name,
        "container": container,
        "members": [{"container": each} for each in members],
    }


ROWS = [
    row(0, "host"),
    row(3, "web", "abc1"),
    row(4, "abc", "def2"),
    row(12, "pool", "", "fff1", "fff2"),
    row(13, "twin", "9e1"),
    row(14, "twin", "9e12"),
    row(15, "long", "77"),
]


@pytest.mark.parametrize(
    ("which", "cell"),
    [("0", 0), ("host", 0), ("12", 12), ("pool", 12), ("fff2", 12), ("fff", 12), ("abc1", 3),
     ("abc", 4), ("ab", 3), ("d", 4), ("9e1", 13), ("9e12", 14), ("7", 15), ("77", 15)],
)  # fmt: skip
def test_found(which: str, cell: int) -> None:
    """Whole words go before beginnings; two containers of one shared cell are one answer."""
    assert find_cell(ROWS, which)["cell"] == cell


@pytest.mark.parametrize("which", ["", "web1", "1", "abc12", "HOST"])
def test_none(which: str) -> None:
    with pytest.raises(InputError, match="there is none"):
        find_cell(ROWS, which)


@pytest.mark.parametrize("which", ["twin", "9"])
def test_more_than_one(which: str) -> None:
    with pytest.raises(InputError, match="could be any of 13, 14"):
        find_cell(ROWS, which)
