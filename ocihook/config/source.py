# SPDX-License-Identifier: Apache-2.0
"""Read the configuration file, and find the line that a mistake is on."""

import os
from stat import S_ISREG

from ocihook.errors import ConfigError

MAX_CONFIG_BYTES = 256 << 10

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""Some editors begin UTF-8 with it; the engines' readers of TOML drop it, too."""

HINT = "see: ocihook config check"


def read(file: int, path: str) -> str:
    """Return the text of the open file `path`.

    Raises:
        ConfigError: it is no file of UTF-8, or too large.
        OSError: it cannot be read.
    """
    status = os.fstat(file)
    if not S_ISREG(status.st_mode):
        raise ConfigError(f"{path}: not a regular file", "put a file there, or nothing")
    data = b""
    while len(data) <= MAX_CONFIG_BYTES and (chunk := os.read(file, MAX_CONFIG_BYTES + 1)):
        data += chunk
    if len(data) > MAX_CONFIG_BYTES:
        raise ConfigError(f"{path}: more than {MAX_CONFIG_BYTES} bytes", "take out comments")
    data = data.removeprefix(BYTE_ORDER_MARK)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problem = f"not UTF-8: byte 0x{data[error.start]:02x}"
        raise ConfigError(f"{path}:{line}: {problem}", "write it in UTF-8") from None


def parse(text: str, path: str) -> dict[str, object]:
    """Return the document of a TOML text.

    Raises:
        ConfigError: it is none; the message has the line.
    """
    from ocihook import toml_text

    try:
        return toml_text.loads(text)
    except ValueError as error:  # mostly TOMLDecodeError; an int of 5000 digits is none
        # "Expected '=' after a key (at line 3, column 5)", or "(at end of document)".
        problem, known, place = str(error).rpartition(" (at ")
        if not known:
            raise ConfigError(f"{path}: {_lower(place)}", "it has to be TOML") from None
        line, _, column = place.removeprefix("line ").removesuffix(")").partition(", column ")
        if line.isdecimal():
            where = f"{path}:{line}: column {column}"
        else:
            where = f"{path}:{text.count(chr(10)) + 1}"
        raise ConfigError(f"{where}: {_lower(problem)}", "it has to be TOML") from None


def line_of(text: str, place: tuple[str | int, ...]) -> int:
    """Return the line, 1 is the first, where the value at `place` stands; 0 if it is not found.

    Good for files as people write them, a key a line. What is in an array or an inline table is on
    the line where that begins.
    """
    import re

    names = [part for part in place if isinstance(part, str)]
    # The longest part of the place that is a line's: of the key, then of the tables around it.
    for depth in range(len(names), 0, -1):
        table: list[str] = []
        for number, line in enumerate(text.split("\n"), 1):  # toml.io: a line ends at a newline
            heading = re.match(r"\s*\[\s*([^\[\]]+?)\s*\]", line)
            if heading:
                table = _parts(heading[1])
                if table == names[:depth]:
                    return number
                continue
            key = re.match(r"""\s*((?:[\w.\s-]|"(?:[^"\\]|\\.)*"|'[^']*')+?)\s*=""", line)
            if key and [*table, *_parts(key[1])] == names[:depth]:
                return number
    return 0


def _parts(key: str) -> list[str]:
    """Split a dotted key into its parts, without their quotes."""
    import re

    found = re.findall(r"""\s*("(?:[^"\\]|\\.)*"|'[^']*'|[\w-]+)\s*(?:\.|$)""", key)
    return [part[1:-1] if part[0] in "\"'" else part for part in found]


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
