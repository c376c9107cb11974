# SPDX-License-Identifier: Apache-2.0
"""TOML that Python's own parser has no answer to."""

import pytest

from ocihook.toml_text import MAX_DOTS, loads


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a = " + "[" * 5000 + "]" * 5000, "nested too deep"),
        ("a = " + "{a=" * 5000 + "1" + "}" * 5000, "nested too deep"),
        (".".join(["a"] * 100_000) + " = 1", "a key of more than 1000 parts"),
        ("b = 1\n[" + " . ".join(['"a"'] * 100_000) + "]", "a key of more than 1000 parts"),
        ("a = {" + ".".join(["a"] * 100_000) + " = 1}", "a key of more than 1000 parts"),
    ],
)
@pytest.mark.timeout(20)
def test_what_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=f"^{problem}$"):
        loads(text)


def test_dots_that_are_no_keys() -> None:
    dots = "." * (MAX_DOTS + 1)
    assert loads(f'# {dots}\na = \'{dots}\'\nb = "\\"{dots}"\n') == {"a": dots, "b": f'"{dots}'}
    assert loads(".".join(["a"] * MAX_DOTS) + " = 1")
