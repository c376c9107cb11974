# SPDX-License-Identifier: Apache-2.0
"""Where the files of a wheel go when it is installed, without pip: it would take 10 s in the guest.

The rules are those of the binary distribution format (PyPA specification, "Installing a wheel").
"""

from __future__ import annotations

import configparser
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from .errors import Usage

_PYTHON = "/usr/bin/python3"
_LAUNCHER = """\
#!{python}
import sys
from {module} import {attribute}
sys.exit({call}())
"""


class InstalledFile(NamedTuple):
    """A file of the guest: its path without the leading slash, its content and its permissions."""

    path: str
    content: bytes
    mode: int


def installed_files(wheel: Path, site: str) -> Iterator[InstalledFile]:
    """Yield the files that installing ``wheel`` creates.

    :param site: directory for Python packages, absolute
    :raises Usage: if ``wheel`` is not a wheel
    """
    packages = site.strip("/")
    if not zipfile.is_zipfile(wheel):
        message = f"{wheel}: not a wheel; build one with ./dev"
        raise Usage(message)
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            if member.is_dir():
                continue
            content = archive.read(member)
            top, _, rest = member.filename.partition("/")
            if top.endswith(".data"):
                scheme, _, name = rest.partition("/")
                yield _scheme_file(scheme, name, content, packages)
                continue
            yield InstalledFile(f"{packages}/{member.filename}", content, 0o644)
            if top.endswith(".dist-info") and rest == "entry_points.txt":
                yield from _launchers(content.decode())


def _scheme_file(scheme: str, name: str, content: bytes, packages: str) -> InstalledFile:
    if scheme == "scripts":
        return InstalledFile(f"usr/local/bin/{name}", _with_interpreter(content), 0o755)
    if scheme == "data":
        return InstalledFile(f"usr/local/{name}", content, 0o644)
    return InstalledFile(f"{packages}/{name}", content, 0o644)  # purelib, platlib


def _with_interpreter(script: bytes) -> bytes:
    """Put the guest's Python into a script's first line, and keep its arguments (``-IS``)."""
    return re.sub(rb"\A#!pythonw?(?=\s)", f"#!{_PYTHON}".encode(), script)


def _launchers(entry_points: str) -> Iterator[InstalledFile]:
    parser = configparser.ConfigParser(delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names of commands keep their capitals
    parser.read_string(entry_points)
    for name, target in parser["console_scripts"].items() if "console_scripts" in parser else ():
        module, _, call = target.partition("[")[0].strip().partition(":")
        text = _LAUNCHER.format(
            python=_PYTHON, module=module, attribute=call.partition(".")[0], call=call
        )
        yield InstalledFile(f"usr/local/bin/{name}", text.encode(), 0o755)
