# SPDX-License-Identifier: Apache-2.0
"""Change single places of a JSON text and leave every other byte of it alone. Pure.

Read and written again as a whole it would come out as somebody else's: Go writes ``<`` as
``\\u003c``, numbers have forms that Python does not keep, and each engine indents in its own way.
"""

import json
from collections.abc import Sequence
from json.decoder import JSONDecoder
from typing import Any, NamedTuple, NoReturn

_BLANKS = " \t\r\n"


class Item(NamedTuple):
    """An element of an array, or a member of an object: text[start:end], key and all.

    ``value`` is parsed, and begins at ``value_start``; ``key`` is None in an array.
    """

    key: str | None
    start: int
    value_start: int
    end: int
    value: Any


class Style(NamedTuple):
    """How a text is laid out: its newline, what each level is indented by, blanks after signs."""

    newline: str
    indent: str
    after_comma: str
    after_colon: str


def parse(text: str) -> Any:
    """Return what a JSON text says.

    Raises:
        ValueError: it is not JSON (RFC 8259), or nested too deep to be read.
    """
    try:
        return json.loads(text, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("nested too deep") from None


def items(text: str, at: int) -> list[Item]:
    """Return what the array or object that begins at ``at`` has; the text is JSON."""
    decoder = JSONDecoder()
    found = []
    position = _skip(text, at + 1)
    while text[position] not in "]}":
        start, key = position, None
        if text[at] == "{":
            key, position = decoder.raw_decode(text, position)
            position = _skip(text, _skip(text, position) + 1)
        value, end = decoder.raw_decode(text, position)
        found.append(Item(key, start, position, end, value))
        position = _skip(text, end)
        if text[position] == ",":
            position = _skip(text, position + 1)
    return found


def style_of(text: str) -> Style:
    """Return the layout of a text that is an object, by its first members."""
    first, *others = items(text, _skip(text, 0))
    before = _gap_before(text, first.start)
    indent = before.rpartition("\n")[2] if "\n" in before else "  "
    return Style(
        newline="\r\n" if "\r\n" in before else "\n",
        indent=indent,
        after_comma=_gap_before(text, others[0].start) if others else before,
        after_colon=_gap_before(text, first.value_start),
    )


def appended(
    text: str, container: Item, new: Any, style: Style, *, key: str | None = None, depth: int
) -> str:
    """Return the text with one more item at the end of an array or, with a key, of an object.

    Args:
        container: where it goes; null counts as empty.
        depth: how many levels the container's items are below the top, for an empty one.
    """
    there = items(text, container.value_start) if container.value else []
    if not there:
        in_lines = "\n" in style.after_comma
        filled = [new] if key is None else {key: new}
        body = _render(filled, style, style.indent * (depth - 1) if in_lines else None)
        return text[: container.value_start] + body + text[container.end :]
    last = there[-1]
    gap = _gap_before(text, last.start)
    in_lines = "\n" in gap
    if not in_lines:
        gap = style.after_comma if "\n" not in style.after_comma else " "
    body = _render(new, style, gap.rpartition("\n")[2] if in_lines else None)
    if key is not None:
        body = f"{json.dumps(key)}:{style.after_colon}{body}"
    return f"{text[: last.end]},{gap}{body}{text[last.end :]}"


def without(text: str, there: Sequence[Item], index: int) -> str:
    """Return the text without one item of those that its container has, two at least."""
    if index:
        return text[: there[index - 1].end] + text[there[index].end :]
    return text[: there[0].start] + text[there[1].start :]


def _render(value: Any, style: Style, prefix: str | None) -> str:
    """Write a value in lines, all but the first behind ``prefix``; without one in a single line."""
    colon = f":{style.after_colon}"
    if prefix is None:
        comma = "," if "\n" in style.after_comma else f",{style.after_comma}"
        return json.dumps(value, ensure_ascii=False, separators=(comma, colon))
    text = json.dumps(value, ensure_ascii=False, indent=style.indent, separators=(",", colon))
    return text.replace("\n", style.newline + prefix)


def _skip(text: str, position: int) -> int:
    while text[position] in _BLANKS:
        position += 1
    return position


def _gap_before(text: str, position: int) -> str:
    begin = position
    while text[begin - 1] in _BLANKS:
        begin -= 1
    return text[begin:position]


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
