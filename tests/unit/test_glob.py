# SPDX-License-Identifier: Apache-2.0
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ocihook import glob


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("", "", True),
        ("", "a", False),
        ("web", "web", True),
        ("web", "web2", False),
        ("web-*", "web-", True),
        ("web-*", "web-1", True),
        ("web-*", "db-1", False),
        ("*", "a/b", False),
        ("**", "a/b", True),
        ("**", "", True),
        ("***", "a/b", True),
        ("?", "/", False),
        ("?", "", False),
        ("a?c", "abc", True),
        ("/machine.slice/*", "/machine.slice/libpod-1.scope", True),
        ("/machine.slice/*", "/machine.slice/libpod-1.scope/container", False),
        ("/machine.slice/**", "/machine.slice/libpod-1.scope/container", True),
        ("/machine.slice/**", "/machine.slice", False),
        ("/**/web", "/a/b/web", True),
        ("*.scope", "a.scope\n", False),
        ("a\\x2db", "a\\x2db", True),
        ("a\\x2db", "a-b", False),
        ("[ab]", "a", False),
        ("é*", "éa", True),
    ],
)
def test_pattern(pattern: str, text: str, expected: bool) -> None:
    assert glob.matches(pattern, text) == expected


def by_regular_expression(pattern: str, text: str) -> bool:
    parts = re.split(r"(\*+|\?)", pattern)
    meanings = {"*": "[^/]*", "?": "[^/]"}
    return bool(
        re.fullmatch(
            "".join(
                ".*" if part.startswith("**") else meanings.get(part) or re.escape(part)
                for part in parts
            ),
            text,
            re.DOTALL,
        )
    )


@given(st.text("ab/*?\n", max_size=8), st.text("ab/\n", max_size=8))
@example("*?", "a")
@example("?*", "/")
@example("**/*", "a/b")
@settings(max_examples=1000)
def test_means_what_the_regular_expression_means(pattern: str, text: str) -> None:
    assert glob.matches(pattern, text) == by_regular_expression(pattern, text)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("pattern", ["*a" * 128, "**a" * 85 + "b", "?*" * 128, "**" * 128])
def test_a_hostile_text_ends(pattern: str) -> None:
    """Each of these keeps a backtracking matcher busy for longer than the universe is old."""
    text = "a" * (glob.MAX_TEXT_CHARS - 1)
    assert not glob.matches(pattern + "c", text)


def test_too_long_a_text_matches_nothing() -> None:
    assert glob.matches("**", "a" * glob.MAX_TEXT_CHARS)
    assert not glob.matches("**", "a" * (glob.MAX_TEXT_CHARS + 1))


def test_first_match() -> None:
    assert glob.first_match(["db-*", "web-*", "**"], "web-1") == "web-*"
    assert glob.first_match(["db-*"], "web-1") == ""
    assert glob.first_match([], "") == ""
