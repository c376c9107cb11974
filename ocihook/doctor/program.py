# SPDX-License-Identifier: Apache-2.0
"""The hook program that our hooks.d files name: whether a runtime can start it, and what it is."""

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path
from stat import S_IMODE

from ocihook import __version__, mountinfo, procfs
from ocihook.doctor.finding import Finding, Topic
from ocihook.doctor.hooks_d import HookFile
from ocihook.doctor.host import Host, reason
from ocihook.install import launcher, trust
from ocihook.paths import HOOK_PROGRAM

TOPIC = Topic("program")

AGAIN = "ocihook install"

_NO_PYTHON = (ValueError, SyntaxError, TypeError, MemoryError, RecursionError)
"""What Python raises for text that is none of it, or is nested too deep for it (ast)."""


def programs(files: list[HookFile]) -> list[str]:
    """Return the programs that our hooks.d files name; the usual one where there are no files."""
    return list(dict.fromkeys(each.program for each in files if each.ours and each.program)) or [
        HOOK_PROGRAM
    ]


def check(host: Host, files: list[HookFile]) -> Iterator[Finding]:
    """Look at each program that our files name."""
    wanted = any(each.ours and each.program for each in files)
    for program in programs(files):
        if wanted or host.exists(program):
            yield from _program(host, program)


def _program(host: Host, program: str) -> Iterator[Finding]:
    try:
        path = host.path(program)
        status = path.stat()
        content = path.read_bytes()
    except PermissionError:
        yield TOPIC.skipped("file", f"{program}: permission denied", "run this command as root")
        return
    except (OSError, ValueError) as error:
        why = reason(error) if isinstance(error, OSError) else str(error)
        yield TOPIC.error(
            "file",
            f"{program}: {why}; engines leave our hooks out in silence",
            f"{AGAIN}, or take the files away, too: ocihook uninstall",
        )
        return
    mode = S_IMODE(status.st_mode)
    if not mode & 0o111:
        yield TOPIC.error("file", f"{program}: mode {mode:04o}, not executable", AGAIN)
    elif mode & 0o022 or status.st_uid != host.administrator:
        yield TOPIC.warning(
            "file",
            f"{program}: mode {mode:04o}, owner {status.st_uid}: runtimes run as root what others"
            " may write",
            f"chown {host.administrator} {program} && chmod 0755 {program}",
        )
    else:
        yield TOPIC.ok("file", f"{program}: executable")
    yield from _noexec(host, program)
    yield from _label(host, program)
    if launcher.is_ours(content):
        yield from _launcher(host, program, content.decode(errors="surrogateescape"))
    else:
        yield TOPIC.note("launcher", f"{program}: not written by `ocihook install`")


def _noexec(host: Host, program: str) -> Iterator[Finding]:
    try:
        mount = mountinfo.read(host.mountinfo).holding(program)
    except OSError:
        return  # said by the topics that need the mount table more
    if mount and "noexec" in mount.options:
        yield TOPIC.error(
            "noexec",
            f"/proc/self/mountinfo: {mount.point} is mounted noexec, so no runtime can start"
            f" {program}",
            f"mount -o remount,exec {mount.point}, or ocihook install --program ELSEWHERE",
        )


def _label(host: Host, program: str) -> Iterator[Finding]:
    if host.text("/sys/fs/selinux/enforce") != "1":
        return
    try:
        label = os.getxattr(host.path(program), "security.selinux").decode().rstrip("\0")
    except OSError:
        label = "no label"
    if label.split(":")[2:3] == ["bin_t"]:
        yield TOPIC.ok("selinux", f"enforcing; {program} is {label}")
    else:
        # A hint: policies differ in what else an engine may run.
        yield TOPIC.note(
            "selinux",
            f"/sys/fs/selinux/enforce: 1; {program} is {label}, where engines may run bin_t",
            f"restorecon -v {program}; denials: ausearch -m avc -c ocihook-hook",
        )


def _launcher(host: Host, program: str, text: str) -> Iterator[Finding]:
    # As the kernel does (fs/binfmt_script.c): blanks and tabs end a name, and nothing else.
    first_line = procfs.words(procfs.lines(text)[0].removeprefix("#!"), " \t")
    interpreter = first_line[0] if first_line else "nothing"
    if not host.exists(interpreter):
        yield TOPIC.error(
            "interpreter",
            f"{program}: names {interpreter}, which is not there: containers with our hooks fail"
            " to start",
            AGAIN,
        )
    else:
        yield TOPIC.ok("interpreter", f"{program}: {interpreter}")
    directories = _directories(text)
    texts = (host.text(f"{each}/ocihook/__init__.py") for each in directories)
    package = next((text for text in texts if text is not None), None)
    if package is None:
        yield TOPIC.error(
            "package",
            f"{program}: no package ocihook in {', '.join(directories) or 'any directory'}, so the"
            " hook does nothing",
            AGAIN,
        )
        return
    shown = _version(package)
    if shown != __version__:
        yield TOPIC.warning(
            "package",
            f"{program}: starts ocihook {shown}, this command is {__version__}",
            f"{AGAIN}, by the version that shall run",
        )
    else:
        yield TOPIC.ok("package", f"{program}: ocihook {shown}")
    yield from _trust(host, [program, interpreter, *directories], directories)


def _trust(host: Host, paths: list[str], libraries: list[str]) -> Iterator[Finding]:
    """Look at what the launcher starts, and at all directories above; the launcher's mode is told.

    A user without root may not see all of it: what cannot be looked at is left out.
    """
    owner, root = host.administrator, host.root
    lines = [line for each in paths for line in trust.on_the_way(Path(each), owner, root)]
    for each in libraries:
        lines += trust.of_library(Path(each), owner, root)
    own = f"{paths[0]}: "
    lines = [line for line in dict.fromkeys(lines) if not line.startswith(own)]
    if lines:
        more = f", and {len(lines) - 1} more" if len(lines) > 1 else ""
        yield TOPIC.warning("owners", f"{lines[0]}{more}", "chown it to root and chmod go-w it")
    else:
        yield TOPIC.ok("owners", f"{paths[0]}: only root may write what it starts")


def _version(package: str) -> str:
    """Return what a package's own text assigns to ``__version__``, and not what it says of it."""
    try:
        statements = ast.parse(package).body
    except _NO_PYTHON:
        return "unknown"
    for each in statements:
        match each:
            case ast.Assign(
                targets=[ast.Name(id="__version__")], value=ast.Constant(value=str(version))
            ):
                return version
    return "unknown"


def _directories(text: str) -> list[str]:
    """Return where a launcher looks for the package; nothing where somebody has edited that."""
    found = re.search(r"^sys\.path \+= (\[.*\])$", text, re.MULTILINE)
    try:
        listed = ast.literal_eval(found[1]) if found else []
    except _NO_PYTHON:
        return []
    return [each for each in listed if isinstance(each, str) and each.startswith("/")]
