# SPDX-License-Identifier: Apache-2.0
"""What podman itself makes of its configuration, which no reader of ours knows as well.

It reads every containers.conf before it does anything, and refuses a wrong type of any member that
it has (containers/common pkg/config). Its --help shows the list of --hooks-dir that holds.
"""

import csv
import re
from typing import NamedTuple

from ocihook.doctor.host import Host, reason

_REFUSED = "Failed to obtain podman configuration: "

_HOOKS_DIR = re.compile(r"^ +--hooks-dir \w+ .*?(?:\(default \[(.*)\]\))?$", re.MULTILINE)
"""pflag shows a list as a line of CSV in brackets, and no default where it is empty."""


class Said(NamedTuple):
    """``dirs`` is hooks_dir, None where podman does not tell; ``refusal`` why it starts nothing."""

    dirs: list[str] | None
    refusal: str = ""


def ask(host: Host, program: str) -> Said:
    """Ask the podman at an absolute path of the host."""
    try:
        answer = host.answer(host.path(program), "--help")
    except OSError as error:
        _, refused, why = reason(error).partition(_REFUSED)
        return Said(None, f"{program}: {why}" if refused else "")
    found = _HOOKS_DIR.search(answer)
    if found is None:
        return Said(None)
    return Said(next(csv.reader([found[1] or ""]), []))
