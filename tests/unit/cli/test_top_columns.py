# SPDX-License-Identifier: Apache-2.0
"""Lines of columns."""

from ocihook.cli.top_columns import cut, line


def test_numbers_are_at_the_right_and_names_are_cut() -> None:
    values = {"N": "abcdef", "M": "12", "left out": "x"}
    assert line(values, {"N": 4, "M": 5}, {"N"}) == "abc+    12"
    assert line(values, {"M": 5, "N": 8}, {"N"}) == "   12 abcdef"


def test_what_fits_is_not_cut() -> None:
    assert (cut("abc", 3), cut("abcd", 3)) == ("abc", "ab+")
