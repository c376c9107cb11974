# SPDX-License-Identifier: Apache-2.0
"""The administrator's configuration file: whether it may be trusted, and is TOML."""

import os
import tomllib
from collections.abc import Iterator
from stat import S_IMODE, S_ISREG

from ocihook.doctor.finding import Finding, Topic
from ocihook.doctor.host import Host, reason

TOPIC = Topic("config")

CONFIG_FILE = "/etc/ocihook/config.toml"


def check(host: Host) -> Iterator[Finding]:
    """Look at the configuration file, where there is one."""
    path = host.path(CONFIG_FILE)
    try:
        status = path.stat()
        data = path.read_bytes() if S_ISREG(status.st_mode) else b""
    except FileNotFoundError:
        yield TOPIC.ok("file", f"{CONFIG_FILE}: not there, so the defaults hold")
        return
    except PermissionError:
        yield TOPIC.skipped("file", f"{CONFIG_FILE}: permission denied", "run this command as root")
        return
    except OSError as error:
        yield _broken(reason(error), "put a file there, or nothing")
        return
    if not S_ISREG(status.st_mode):
        yield _broken("not a regular file", "put a file there, or nothing")
        return
    mode = S_IMODE(status.st_mode)
    if status.st_uid != host.administrator or mode & 0o022:
        yield TOPIC.error(
            "access",
            f"{CONFIG_FILE}: mode {mode:04o}, owner {status.st_uid}: others may write it",
            f"chown {host.administrator} {CONFIG_FILE} && chmod go-w {CONFIG_FILE}",
            os.EX_CONFIG,
        )
    try:
        tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        text = str(error)
        yield _broken(text[:1].lower() + text[1:], "repair the file")
        return
    yield TOPIC.ok("file", f"{CONFIG_FILE}: well-formed")


def _broken(what: str, mend: str) -> Finding:
    return TOPIC.error("file", f"{CONFIG_FILE}: {what}", mend, os.EX_CONFIG)
