# SPDX-License-Identifier: Apache-2.0
"""Whether Go's regexp compiles a pattern.

Patterns of hooks.d are compiled by the engine, which is written in Go; one that fails keeps every
container of the machine from starting (podman issue 6629). Go's package is RE2 written anew, so
RE2 itself is asked; where the two differ was found with 60,000 patterns and Go 1.19, and is here.
"""

import re

from ocihook.errors import InputError

MAX_HEIGHT = 1000
"""How deep Go lets a pattern nest (regexp/syntax, maxHeight); a group that captures is a level."""

_TOO_LARGE = "pattern too large"
_TOKEN = re.compile(
    r"\\Q.*?(?:\\E|\Z)|\\."
    r"|\[\^?\]?(?:\[:.*?:\]|\\.|[^\]\\])*\]"
    r"|\(\?P?<(?P<name>[^>]*)>|\(\?|\(|\)",
    re.DOTALL,
)


def check(pattern: str) -> None:
    """Raise where Go would not compile `pattern`.

    A pattern with a name that Go has had for categories of Unicode since 1.25 (``\\p{Letter}``) is
    refused, and ``(?<name>...)``, which it has had since 1.22, is not.

    Raises:
        InputError: with the reason.
    """
    # As Go's decoder of JSON leaves it: pairs of surrogates joined, others replaced.
    text = pattern.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    problem = _re2(text) or _go_alone(text)
    if problem:
        raise InputError(f"{pattern[:64]!a} is no pattern to Go: {problem}")


def _re2(pattern: str) -> str:
    """Return what RE2 has against a pattern, or nothing."""
    import re2  # 2 ms, which most commands need not wait for

    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(pattern, options)
    except re2.error as error:
        (said,) = error.args
        problem = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
        # What it would need of memory is RE2's own affair: Go takes some 40 times as much.
        return "" if problem.startswith(_TOO_LARGE) else problem[:200]
    return ""


def _go_alone(pattern: str) -> str:
    """Return what Go has against a pattern that RE2 takes, or nothing."""
    groups: list[bool] = []
    height = 1
    for token in _TOKEN.finditer(pattern):
        text, name = token[0], token["name"]
        if text == "\\C":
            return "invalid escape sequence: \\C"
        if name is not None and not name.isascii():
            return f"invalid named capture: {text!a}"
        if text == ")":
            height -= groups.pop()
        elif text.startswith("("):
            groups.append(text == "(" or name is not None)
            height += groups[-1]
            if height > MAX_HEIGHT:
                return "expression nests too deeply"
    return ""
