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
        (control_file.weight, "10000\n", 10000),
        (control_file.weight, "0100", 64),
        (control_file.weight, "0x64", 100),
        (control_file.weight, "0XfF", 255),
        (control_file.weight, "+100", 100),
        (control_file.weight, "+0x64\n", 100),
        (control_file.limit, "max", (-1, None)),
        (control_file.limit, "max 100000", (-1, 100000)),
        (control_file.limit, "50000", (50000, None)),
        (control_file.limit, "50000\t100000", (50000, 100000)),
        (control_file.limit, f"{U64_MAX} {U64_MAX}", (U64_MAX, U64_MAX)),
        (control_file.limit, f"{U64_MAX}1000", (U64_MAX, 1000)),
        (control_file.limit, " 0100 \v\f\r\n0200 ", (100, 200)),
        (control_file.limit, "1 2 3", (1, 2)),
        (control_file.limit, "50000us 100000us", (50000, 100000)),
        (control_file.limit, "max max", (-1, None)),
        (control_file.limit, "max -5", (-1, None)),
        (control_file.burst, "0", 0),
        (control_file.burst, "00", 0),
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
        (control_file.weight, "00", "'00' is not in 1..10000"),
        *(
            (control_file.weight, text, f"{text!a} is not a number to the kernel")
            for text in (
                " 100",
                "100 ",
                "\n100",
                "100\n\n",
                "1e3",
                "0x",
                "0x ",
                "x64",
                "08",
                "0o144",
                "0b11",
                "++1",
                "+-1",
                "1_0",
                "\u0661",
                "100\u2003",
                "1x1",
            )
        ),
        (control_file.weight, " \n", "is empty"),
        (control_file.limit, "0", f"'0': 0 is not in 1..{U64_MAX}"),
        (control_file.limit, f"{U64_MAX + 1}", f"is not in 1..{U64_MAX}"),
        (control_file.limit, "MAX", "'MAX' is not a quota and a period"),
        (control_file.limit, "maximum", "'maximum' is not a quota and a period"),
        (control_file.limit, "max\u2003100000", "'max\\u2003100000' is not a quota and a period"),
        (control_file.limit, "-1", "'-1' is not a quota and a period"),
        (control_file.limit, "+1", "'+1' is not a quota and a period"),
        (control_file.limit, "\t", "is empty"),
        (control_file.limit, "max 0", f"'max 0': 0 is not in 1..{U64_MAX}"),
        (control_file.limit, "9" * 65, "65 characters: at most 64 are read"),
        (control_file.burst, "-1", "'-1' is not a number to the kernel"),
        (control_file.idle, "2", "'2' is not in 0..1"),
    ],
)
def test_refuses(read: Callable[[str], object], text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(text)
    assert str(caught.value).endswith(message)
