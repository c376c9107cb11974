# SPDX-License-Identifier: Apache-2.0
"""Match the patterns of the configuration. Pure; on the hook's path where there are patterns.

No ``re``, which costs 5 ms; no ``fnmatch``, which is made of it and lets one ``*`` run over
slashes. What is matched comes from whoever starts containers, so the time is bounded: each
character of the text costs the same handful of operations, whatever the pattern is.
"""

MAX_PATTERN_CHARS = 256
"""Longest pattern that a configuration may have."""

MAX_TEXT_CHARS = 4096
"""Longest text that is matched: PATH_MAX, and more than engines put into an annotation."""


def matches(pattern: str, text: str) -> bool:
    """Tell whether the whole of `text` is as `pattern` says.

    ``*`` is any characters but ``/``, ``**`` any at all, ``?`` one that is not ``/``; every other
    character stands for itself. A text of more than ``MAX_TEXT_CHARS`` matches nothing.
    """
    if len(text) > MAX_TEXT_CHARS:
        return False
    # All the places in the pattern where a match may stand after each character, as the bits of
    # one number (Thompson's simulation): it never goes back in the text.
    letters: dict[str, int] = {}
    one = star = stars = 0
    end = 1
    at = 0
    while at < len(pattern):
        char = pattern[at]
        run = at
        while run < len(pattern) and pattern[run] == "*":
            run += 1
        if char != "*":
            if char == "?":
                one |= end
            else:
                letters[char] = letters.get(char, 0) | end
            run = at + 1
        elif run - at == 1:
            star |= end
        else:
            stars |= end
        end <<= 1
        at = run
    either = star | stars
    here = 1 | (1 & either) << 1
    for char in text:
        if char == "/":
            here = (here & letters.get(char, 0)) << 1 | here & stars
        else:
            here = (here & (letters.get(char, 0) | one)) << 1 | here & either
        here |= (here & either) << 1
        if not here:
            return False
    return bool(here & end)


def first_match(patterns: "list[str]", text: str) -> str:
    """Return the first of `patterns` that `text` matches, or nothing."""
    for pattern in patterns:
        if matches(pattern, text):
            return pattern
    return ""
