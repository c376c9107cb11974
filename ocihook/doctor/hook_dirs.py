# SPDX-License-Identifier: Apache-2.0
"""Whether the engines read the directories that our hooks.d files are in."""

import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ocihook.doctor import podman_says
from ocihook.doctor.engine_conf import MalformedSettings, crio_hooks_dirs, podman_hooks_dirs
from ocihook.doctor.finding import Finding, Topic
from ocihook.doctor.hooks_engines import STOPS
from ocihook.doctor.host import Host
from ocihook.doctor.quirks import Version
from ocihook.doctor.runtimes import Installed
from ocihook.install.hooks import STAGES, file_name
from ocihook.paths import HOOKS_DIR

TOPIC = Topic("hooks.d")

OVERRIDE_DIR = "/etc/containers/oci/hooks.d"
"""Where administrators put theirs (containers/common pkg/hooks, OverrideDir). podman's default
list does not have it, whatever its documentation says (podman #7134)."""

Settings = Callable[[], tuple[list[str], list[str]]]


class Engine(NamedTuple):
    """An engine's settings as they were found.

    ``dirs`` is None where they cannot be used; ``source`` then says why, and otherwise where they
    stand. ``version`` is the program's, None where it is not known.
    """

    name: str
    dirs: list[str] | None
    source: str
    version: Version | None


def engines(host: Host, installed: list[Installed]) -> list[Engine]:
    """Return each engine that reads hooks.d files, with the directories that it reads."""
    first = {each.program: each for each in reversed(installed)}
    found = []
    if podman := first.get("podman"):
        of_files = _of_files("podman", lambda: podman_hooks_dirs(host, podman.version), podman)
        found.append(_by_podman(of_files, podman_says.ask(host, podman.path)))
    if crio := first.get("crio"):
        found.append(_of_files("crio", lambda: crio_hooks_dirs(host), crio))
    return found


def _of_files(name: str, read: Settings, program: Installed) -> Engine:
    try:
        dirs, said = read()
    except MalformedSettings as error:
        return Engine(name, None, str(error), program.version)
    return Engine(name, dirs, f"of {said[-1]}" if said else "by default", program.version)


def _by_podman(of_files: Engine, said: podman_says.Said) -> Engine:
    """Put what podman says in the place of what we read, where they differ."""
    if said.refusal:
        return of_files._replace(dirs=None, source=said.refusal)
    if said.dirs is None or said.dirs == of_files.dirs:
        return of_files
    return of_files._replace(dirs=said.dirs, source="as podman has it")


def ours_in(host: Host, directory: str) -> list[str]:
    """Return the names of our files that are in a directory."""
    names = [file_name(stage) for stage in STAGES]
    return [name for name in names if os.path.lexists(host.path(directory) / name)]


def directories(host: Host, found: list[Engine]) -> list[str]:
    """Return every directory to look into: what engines read, and where our files may be.

    One that has several names, by links say, is there once, by the first of them.
    """
    read = [directory for engine in found for directory in engine.dirs or ()]
    by_place: dict[str, str] = {}
    for each in [*read, HOOKS_DIR, OVERRIDE_DIR]:
        if each.startswith("/"):
            by_place.setdefault(place(host, each), each.rstrip("/"))
    return list(by_place.values())


def place(host: Host, directory: str) -> str:
    """Return where a directory really is, the same for all its names."""
    return os.path.realpath(host.path(directory))


def check(host: Host, found: list[Engine]) -> Iterator[Finding]:
    """Compare what the engines read with where our files are."""
    with_ours = [each for each in directories(host, found) if ours_in(host, each)]
    for engine in found:
        if engine.dirs is None:
            yield TOPIC.error(
                engine.name,
                f"{engine.source}; {STOPS[engine.name]}",
                "repair the file",
                os.EX_CONFIG,
            )
            continue
        read = [directory.rstrip("/") for directory in engine.dirs]
        said = f"hooks_dir {engine.source}: {', '.join(read) or 'empty'}"
        places = {place(host, directory) for directory in read if directory.startswith("/")}
        unread = [directory for directory in with_ours if place(host, directory) not in places]
        if with_ours and unread == with_ours:
            yield TOPIC.error(
                engine.name,
                f"{said}; our files are in {', '.join(unread)}, which {engine.name} does not read",
                _mend(engine.name, [*read, unread[0]]),
                os.EX_CONFIG,
            )
        elif unread:
            yield TOPIC.note(
                engine.name,
                f"{said}; our files in {', '.join(unread)} are not read by {engine.name}",
            )
        else:
            yield TOPIC.ok(engine.name, said)


def _mend(engine: str, directories: list[str]) -> str:
    quoted = ", ".join(f'"{directory}"' for directory in directories)
    table, file = {
        "crio": ("crio.runtime", "/etc/crio/crio.conf.d/ocihook.conf"),
        "podman": ("engine", "/etc/containers/containers.conf.d/ocihook.conf"),
    }[engine]
    return f"hooks_dir = [{quoted}] below [{table}] in {file}"
