# SPDX-License-Identifier: Apache-2.0
"""Read the kernel's text files: a line ends at a newline, a field at a blank, and at nothing else.

Names in them, of mount points, cgroups and programs, are bytes of any choice. Python takes more for
the end of a line or of a word: a carriage return, U+2028, U+00A0, ... So none of ``read_text``,
``open`` for text, ``splitlines`` and ``split`` without an argument is for these files. On the
hook's path.
"""

import posix as os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

BLANKS = " \t\n\v\f\r"
"""The kernel's isspace() in ASCII, for files of numbers and words that the kernel itself names."""

_CHUNK_BYTES = 65536


def read(path: "str | Path") -> str:
    """Return the text of a file that may not know its size; bytes that are no UTF-8 are kept.

    Raises:
        OSError: it cannot be read.
    """
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = b""
        while chunk := os.read(file, _CHUNK_BYTES):
            data += chunk
        return data.decode("utf-8", "surrogateescape")
    finally:
        os.close(file)


def lines(text: str) -> list[str]:
    """Return the lines, without their newlines."""
    found = text.split("\n")
    if not found[-1]:
        del found[-1]
    return found


def words(text: str, blanks: str = BLANKS) -> list[str]:
    """Return what stands between blanks, any number of them."""
    for blank in blanks[1:]:
        text = text.replace(blank, blanks[0])
    return [word for word in text.split(blanks[0]) if word]
