# SPDX-License-Identifier: Apache-2.0
"""systemd's unit: whether it starts the scheduler after a boot, and can.

What runs now is another topic; nothing here keeps a container from its cell before that.
"""

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from ocihook.doctor.finding import Finding, Topic
from ocihook.doctor.host import Host
from ocihook.install import trust
from ocihook.install.layout import SEARCHED_PREFIXES
from ocihook.install.service import RUNNING, UNIT

TOPIC = Topic("service")

ADMINISTRATOR = Path("/etc/systemd/system")

DIRECTORIES = (
    ADMINISTRATOR,
    Path("/run/systemd/system"),
    *(prefix / "lib/systemd/system" for prefix in reversed(SEARCHED_PREFIXES)),
)
"""Where systemd looks for units, the first that has one counts (systemd.unit(5))."""

_EXECUTION_PREFIXES = "@-:+!|"
"""What may stand before a command (systemd.service(5), ExecStart=)."""


def check(host: Host) -> Iterator[Finding]:
    """Look at the unit where systemd is the init."""
    if not host.exists(str(RUNNING)):
        yield TOPIC.note("unit", f"{RUNNING}: not there; what starts the scheduler is not known")
        return
    unit = next((each / UNIT for each in DIRECTORIES if _is_there(host, each / UNIT)), None)
    if unit is None:
        yield TOPIC.note(
            "unit",
            f"no {UNIT}: after a boot, containers get cells when somebody starts the scheduler",
            f"ocihook install, then: systemctl enable {UNIT}",
        )
        return
    if os.path.realpath(host.path(unit)) == "/dev/null":
        yield TOPIC.note("unit", f"{unit}: masked, so systemd does not start the scheduler")
        return
    if not _is_wanted(host):
        yield TOPIC.warning(
            "unit",
            f"{unit}: not enabled; after a boot no container has a cell until somebody starts the"
            " scheduler",
            f"systemctl enable {UNIT}",
        )
        return
    command = _command(host, unit)
    if command and not _is_executable(host, command):
        yield TOPIC.warning(
            "unit",
            f"{unit}: starts {command}, which is no program; after a boot no container has a cell",
            "ocihook install, by the ocihook that shall run, then: systemctl daemon-reload",
        )
        return
    written = (
        list(trust.on_the_way(Path(command), host.administrator, host.root)) if command else []
    )
    if written:
        yield TOPIC.warning("unit", f"{unit}: {written[0]}", "chown it to root and chmod go-w it")
        return
    yield TOPIC.ok("unit", f"{unit}: enabled")


def _is_there(host: Host, path: Path) -> bool:
    return os.path.lexists(host.path(path))


def _is_wanted(host: Host) -> bool:
    """Tell whether some unit pulls ours in, by a link in its ``.wants`` or ``.requires``."""
    directories = host.path(ADMINISTRATOR).glob("*.*")
    return any(
        os.path.lexists(each / UNIT)
        for each in directories
        if each.suffix in (".wants", ".requires")
    )


def _command(host: Host, unit: Path) -> str:
    """Return the program of the first ``ExecStart`` that holds; nothing where that is no path."""
    drop_ins = host.path(ADMINISTRATOR / f"{UNIT}.d")
    texts = [host.path(unit), *sorted(drop_ins.glob("*.conf"))]
    commands: list[str] = []
    for each in texts:
        # As systemd does (src/basic/fileio.c, read_line_full; WHITESPACE).
        for line in re.split("[\r\n]", host.text(host.shown(each)) or ""):
            key, _, value = line.partition("=")
            if key.strip(" \t") != "ExecStart":
                continue
            command = value.strip(" \t")
            commands = [*commands, command] if command else []
    try:
        words = shlex.split(commands[0]) if commands else []
    except ValueError:
        return ""
    program = words[0].lstrip(_EXECUTION_PREFIXES) if words else ""
    # Other specifiers than %% depend on the machine, and a bare name on systemd's own path.
    plain = program.replace("%%", "")
    return program.replace("%%", "%") if plain.startswith("/") and "%" not in plain else ""


def _is_executable(host: Host, program: str) -> bool:
    try:
        return bool(host.path(program).stat().st_mode & 0o111)
    except PermissionError:
        return True
    except OSError:
        return False
