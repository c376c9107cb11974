# SPDX-License-Identifier: Apache-2.0
"""Verdicts of Go 1.19's regexp and of podman 5.4.2 (Go 1.24), which the guest's test asks again."""

import time

import pytest
from go_patterns import REFUSED, TAKEN

from ocihook import go_pattern
from ocihook.errors import InputError


@pytest.mark.parametrize("pattern", TAKEN)
def test_patterns_that_go_compiles(pattern: str) -> None:
    go_pattern.check(pattern)


@pytest.mark.parametrize(("pattern", "problem"), REFUSED.items(), ids=lambda text: ascii(text[:40]))
def test_patterns_that_go_refuses(pattern: str, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        go_pattern.check(pattern)
    assert str(caught.value) == f"{pattern[:64]!a} is no pattern to Go: {problem}"


@pytest.mark.parametrize(
    "pattern", ["(" * 500_000 + ")" * 500_000, "(?:" * 300_000, "[(" * 300_000]
)
def test_a_verdict_comes_soon(pattern: str) -> None:
    begin_s = time.monotonic()
    with pytest.raises(InputError):
        go_pattern.check(pattern)
    assert time.monotonic() - begin_s < 10


def test_more_memory_than_re2_allows_itself_is_no_fault_of_the_pattern() -> None:
    go_pattern.check(r"\pL{1000}")
