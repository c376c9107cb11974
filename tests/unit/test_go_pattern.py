# SPDX-License-Identifier: Apache-2.0
import pytest

from ocihook import go_pattern
from ocihook.errors import InputError


@pytest.mark.parametrize(
    "pattern",
    [
        r"^org\.ocihook/", ".*", r"a\(?=b", r"[(?=)]", r"[]\1]", r"a+?b*?", r"a{2,3}?", r"(?i)a",
        r"(?:a|b)+", r"(?P<name>a)", r"\\1", r"\+\+", r"\pL\p{Greek}",
        r"[[:alpha:]]", r"a\z", r"[a+]+", r"a\++",
    ],
)  # fmt: skip
def test_patterns_that_go_compiles(pattern: str) -> None:
    go_pattern.check(pattern)


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("(?=a)", "looks ahead or behind"),
        ("a(?!b)", "looks ahead or behind"),
        ("(?<=a)b", "looks ahead or behind"),
        ("(?<!a)b", "looks ahead or behind"),
        ("(a)?(?(1)b|c)", "has a condition"),
        ("(?>a)", "has an atomic group"),
        (r"(a)\1", "refers back to a group"),
        (r"[x](a)\1", "refers back to a group"),
        ("(?P<n>a)(?P=n)", "refers back to a group"),
        ("a++", "has a possessive quantifier"),
        ("a{2}+", "has a possessive quantifier"),
        ("(", "is no pattern: missing ), unterminated subpattern at position 0"),
        ("[a", "is no pattern: unterminated character set at position 0"),
        ("*", "is no pattern: nothing to repeat at position 0"),
    ],
)
def test_patterns_that_go_refuses(pattern: str, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        go_pattern.check(pattern)
    assert problem in str(caught.value)
