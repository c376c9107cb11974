# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable

import pytest

from ocihook import control_file
from ocihook.errors import InputError

U64_MAX = 2**64 - 1


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (control_file.weight, "1", 1),
        (control_file.weight, " 10000\n", 10000),
        (control_file.weight, "0100", 100),
        (control_file.limit, "max", (-1, None)),
        (control_file.limit, "max 100000", (-1, 100000)),
        (control_file.limit, "50000", (50000, None)),
        (control_file.limit, "50000\t100000", (50000, 100000)),
        (control_file.limit, f"{U64_MAX} {U64_MAX}", (U64_MAX, U64_MAX)),
        (control_file.burst, "0", 0),
        (control_file.idle, "1", 1),
    ],
)
def test_reads_what_the_kernel_takes(
    read: Callable[[str], object], text: str, value: object
) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (control_file.weight, "", "is empty"),
        (control_file.weight, "0", "'0' is not in 1..10000"),
        (control_file.weight, "1e3", "'1e3' is not a number"),
        (control_file.weight, "\u0661", "'\\u0661' is not a number"),
        (control_file.limit, "0", f"'0' is not in 1..{U64_MAX}"),
        (control_file.limit, f"{U64_MAX + 1}", f"is not in 1..{U64_MAX}"),
        (control_file.limit, "MAX", "'MAX' is not a number"),
        (control_file.limit, "max max", "'max' is not a number"),
        (control_file.limit, "1 2 3", "is not a quota and a period"),
        (control_file.limit, "9" * 65, "65 characters: at most 64 are read"),
        (control_file.burst, "-1", "'-1' is not a number"),
        (control_file.idle, "2", "'2' is not in 0..1"),
    ],
)
def test_refuses(read: Callable[[str], object], text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(text)
    assert str(caught.value).endswith(message)
