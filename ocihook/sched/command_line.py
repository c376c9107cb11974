# SPDX-License-Identifier: Apache-2.0
"""The kernel's command line, taken apart as the kernel does it (lib/cmdline.c, next_arg)."""

from collections.abc import Iterator

from ocihook import procfs


def parameters(text: str) -> Iterator[tuple[str, str]]:
    """Yield each parameter with its value, "" where there is none, up to ``--``.

    Parameters end at a blank that is not between quotes. What follows ``--`` is the first
    process's (kernel/params.c, parse_args).
    """
    for word in _words(text):
        bare = word.removeprefix('"').removesuffix('"') if word.startswith('"') else word
        name, _, value = bare.partition("=")
        if bare == "--":
            return
        yield name, value.removeprefix('"').removesuffix('"') if value.startswith('"') else value


def _words(text: str) -> Iterator[str]:
    word, quoted = "", False
    for char in text:
        if char in procfs.BLANKS and not quoted:
            if word:
                yield word
            word = ""
            continue
        if char == '"':
            quoted = not quoted
        word += char
    if word:
        yield word
