# SPDX-License-Identifier: Apache-2.0
"""Text in XML and HTML: names come from container owners."""

from html import escape


def text(value: str, limit: int = 120) -> str:
    """Return `value` for use in an element or an attribute, cut to `limit` characters.

    What XML 1.0 has no place for, such as control characters, becomes U+FFFD.
    """
    cut = value if len(value) <= limit else f"{value[: limit - 1]}…"
    return escape("".join(char if _allowed(char) else "\N{REPLACEMENT CHARACTER}" for char in cut))


def _allowed(char: str) -> bool:
    code = ord(char)
    return code >= 0x20 and code != 0x7F and not 0xD800 <= code <= 0xDFFF and code < 0xFFFE


def summary(seconds: float, cpus: int, machine: str, dropped: int, note: str) -> str:
    """Return the line below a title: what was recorded, and what is missing, as plain text."""
    parts = [f"{seconds:.3g} s on {cpus} CPU{'s' if cpus != 1 else ''} of {machine}"]
    if dropped:
        parts.append(f"{dropped} switches dropped")
    if note:
        parts.append(note)
    return ", ".join(parts)
