# SPDX-License-Identifier: Apache-2.0
"""The kernel's command line, as lib/cmdline.c reads it."""

import pytest

from ocihook import procfs
from ocihook.sched import command_line


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("ro quiet\n", [("ro", ""), ("quiet", "")]),
        ("a=1  b=2\tc=3\rd=4", [("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")]),
        ('a="1 2" "b=3 4" c', [("a", "1 2"), ("b", "3 4"), ("c", "")]),
        ("a=b=c", [("a", "b=c")]),
        ("a -- b", [("a", "")]),
        ("a\u2028b\x85c\u00a0d", [("a\u2028b\x85c\u00a0d", "")]),
        ('a="1', [("a", "1")]),
        ("", []),
    ],
)
def test_parameters(text: str, parameters: list[tuple[str, str]]) -> None:
    assert list(command_line.parameters(text)) == parameters


def test_of_this_machine() -> None:
    assert list(command_line.parameters(procfs.read("/proc/cmdline")))
