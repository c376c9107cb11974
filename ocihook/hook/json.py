# SPDX-License-Identifier: Apache-2.0
"""Read a JSON object with the C scanner alone.

``import json`` costs 7 ms, nearly all of it ``re``, which only its pure-Python
parts use. The scanner behind it is a C function of the private module
``_json``; where an interpreter has none, ``json`` serves.
"""

from ocihook.errors import InputError

MAX_DEPTH = 64
"""Deepest nesting that is read; a config.json has 7 (the args of a syscall of linux.seccomp)."""

_BLANKS = " \t\n\r"

_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_AS_ARRAYS = bytes.maketrans(b"{}", b"[]")
_TOO_DEEP = b"[" * (MAX_DEPTH + 1)


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


class _Settings:
    """What ``_json.make_scanner`` reads from a ``json.JSONDecoder``."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = staticmethod(_refuse_constant)


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_scan: "Callable[[str, int], tuple[object, int]]"
try:
    from _json import make_scanner

    _scan = make_scanner(_Settings())  # type: ignore[arg-type]  # typeshed wants a scanner
except ImportError:
    from json import JSONDecoder

    _scan = JSONDecoder(parse_constant=_refuse_constant).raw_decode


def parse_object(data: bytes, what: str, error: type[InputError]) -> dict[str, object]:
    """Parse UTF-8 JSON text whose top is an object.

    Follows RFC 8259 where Python's ``json`` is lax: no NaN or Infinity, no byte
    order mark, nothing but blanks after the object. Of equal keys the last
    counts, as in Go. Nothing lies deeper than ``MAX_DEPTH``, nor in a value that an equal key
    replaces; a number has at most the 4300 digits that Python reads
    (sys.int_info.default_max_str_digits).

    Args:
        what: the name of the text, for messages.
        error: the class to raise.

    Raises:
        InputError: as `error`.
    """
    if data.startswith(b"\xef\xbb\xbf"):
        raise error(f"{what}: starts with a byte order mark")
    try:
        text = data.decode()
        start = len(text) - len(text.lstrip(_BLANKS))
        if start == len(text):
            raise error(f"{what}: empty")
        if is_deep(data):
            raise error(f"{what}: nested more than {MAX_DEPTH} deep")
        value, end = _scan_at(text, start)
    except StopIteration as stop:
        raise error(f"{what}: not JSON: expected a value at character {stop.value}") from None
    except ValueError as problem:  # JSONDecodeError, UnicodeDecodeError, a number too long
        raise error(f"{what}: not JSON: {problem}") from None
    if text[end:].strip(_BLANKS):
        raise error(f"{what}: not JSON: text after the end at character {end}")
    if not isinstance(value, dict):
        raise error(f"{what}: not a JSON object")
    return value


def is_deep(data: bytes) -> bool:
    """Tell whether JSON text is nested more than ``MAX_DEPTH`` deep; ``{}`` is 1 deep.

    Asked before the scanner sees it, which recurses, and whose own limit does not save us: crun
    hands over the container's RLIMIT_STACK, and Python 3.13 recurses 10,000 times, which takes more
    than 1 MiB. Of text that is broken elsewhere, at most twice ``MAX_DEPTH`` gets through.
    """
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return False
    # Between quotes, every second piece is outside of a string.
    pieces = data.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2]
    brackets = b"".join(pieces).translate(_AS_ARRAYS, _NO_BRACKETS)
    for _ in range(MAX_DEPTH):
        if _TOO_DEEP in brackets:
            return True
        shorter = brackets.replace(b"[]", b"")  # the innermost level
        if len(shorter) == len(brackets):
            return False
        brackets = shorter
    return b"[]" in brackets or _TOO_DEEP in brackets


def _scan_at(text: str, start: int) -> tuple[object, int]:
    try:
        return _scan(text, start)
    except SystemError:
        # CPython up to 3.12 looks its exception up in sys.modules, and fails
        # without one when nobody has imported it. Bad input may take its time.
        import json.decoder  # noqa: F401

        return _scan(text, start)
