# SPDX-License-Identifier: Apache-2.0
"""How things are printed: text for people, JSON for programs, one line for errors."""

import errno
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

UNLIMITED_COLUMNS = 4096
ID_CHARS = 12
"""Of a container's id: what podman shows of it."""

_ID = re.compile(r"[0-9a-f]{64}")

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.EROFS)
_KERNELS = (
    ("/sys/fs/bpf", "look whether bpffs is mounted there, and not read-only"),
    ("/proc", "look whether procfs is mounted there"),
    ("/sys", "look whether sysfs is mounted there"),
)
"""The kernel's file systems, the innermost first, and a hint if one is not as on any host."""


def say(text: str) -> None:
    """Print a line. Whatever is in it reaches no terminal as a control, but for tabs."""
    print("\t".join(map(printable, text.split("\t"))))


def complain(text: str) -> None:
    """Print an error to stderr, one line whatever is in it."""
    print(f"ocihook: {printable(text)}", file=sys.stderr)


def flush() -> None:
    """Write what is buffered, while an error can still be told."""
    if sys.stdout is not None:  # closed by who started us
        sys.stdout.flush()


def give_up(error: OSError) -> NoReturn:
    """End because standard output takes no more; in silence where its reader has gone.

    Or because the kernel's file systems are not as on any host: not mounted, or read-only.

    Raises:
        OSError: the error itself, where it is of something else.
    """
    name = str(error.filename)
    for place, hint in _KERNELS:
        if error.errno in _NOT_THERE and name.startswith(f"{place}/"):
            complain(f"{name}: {os.strerror(error.errno or 0).lower()} ({hint})")
            sys.exit(os.EX_OSERR)
    if error.filename is not None or error.errno not in (*_NO_ROOM, errno.EPIPE):
        raise error
    # Python would write what is left when it ends, and fail in its own words.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if error.errno == errno.EPIPE:
        sys.exit(1)  # as typer does
    reason = os.strerror(error.errno).lower()
    complain(f"standard output: {reason} (make room there, and do it again)")
    sys.exit(os.EX_OSERR)


def columns() -> int:
    """Return how wide the terminal is; a file or a pipe gets everything."""
    return Console().width if sys.stdout.isatty() else UNLIMITED_COLUMNS


def show_json(document: Any) -> None:
    """Print a document as JSON, readable."""
    print(json.dumps(document, indent=2))


def printable(text: str) -> str:
    """Write control characters and what is no Unicode as Python does: ``\\n``, ``\\x1b``."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def short_ids(text: str) -> str:
    """Write container ids as podman shows them, and that there is more of them."""
    return _ID.sub(lambda found: f"{found[0][:ID_CHARS]}…", text)


def percent(cpus: float) -> str:
    """Write a number of CPUs as percent of one, ``-`` for none at all."""
    of_one = cpus * 100
    if not of_one:
        return "-"
    return f"{of_one:.0f}" if of_one >= 99.95 else f"{of_one:.1f}"


def quota(of: Mapping[str, int] | None) -> str:
    """Write a document's quota as percent of one CPU, ``-`` for none."""
    return f"{of['quota_us'] * 100 / of['period_us']:.0f}%" if of else "-"


def show_pairs(pairs: Sequence[tuple[str, str]]) -> None:
    """Print a name and a value a line, the values in a column; what is empty is ``-``."""
    width = max(len(name) for name, _ in pairs)
    for name, value in pairs:
        say(f"{name.ljust(width)}  {value or '-'}")


def show_table(columns: Sequence[tuple[str, bool]], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under a heading; a column is (name, whether it holds numbers).

    What stands in it is text, never markup, and control characters are written out: names come
    from container owners. A terminal gets what fits its width; a file or a pipe gets everything.
    """
    table = Table(box=None, pad_edge=False)
    for name, numeric in columns:
        table.add_column(name, justify="right" if numeric else "left", no_wrap=numeric)
    for row in rows:
        table.add_row(*(Text(printable(value)) for value in row))
    show(table)


def show(screen: RenderableType) -> None:
    """Print what rich makes of it: as wide as the terminal, or as it needs to be."""
    if sys.stdout.isatty():
        Console(highlight=False).print(screen)
        return
    console = Console(highlight=False, width=UNLIMITED_COLUMNS)
    with console.capture() as captured:
        console.print(screen)
    for line in captured.get().splitlines():
        say(line.rstrip())  # rich fills the last column with blanks
