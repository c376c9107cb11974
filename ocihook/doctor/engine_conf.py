# SPDX-License-Identifier: Apache-2.0
"""Which directories podman and CRI-O read hooks from: their configuration, in their own order.

Both read TOML by BurntSushi's package: it drops a byte order mark, and does not mind the case of
names: of those that differ in it alone each is decoded, in the order of the file, over the one
before. ``podman_says`` has what podman itself makes of its files, and goes before this.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ocihook import toml_text
from ocihook.doctor.host import Host, reason
from ocihook.doctor.quirks import Version
from ocihook.paths import HOOKS_DIR

SINCE_PODMAN_6: Version = (6, 0, 0)
"""From there on one main file is read, and drop-ins mask each other by name (podman pull request
27657, contrib/design-docs/config-file-parsing.md); until then all are read, one over the other."""


class MalformedSettings(Exception):
    """Raised where a file of an engine's configuration cannot be used; the engine refuses it, too.

    The message begins with the file.
    """


_VENDOR = "/usr/share/containers/containers.conf"
_ADMINISTRATOR = "/etc/containers/containers.conf"


def podman_hooks_dirs(host: Host, version: Version | None) -> tuple[list[str], list[str]]:
    """Return podman's hooks_dir, and the files that say so; the default where none does.

    ``version`` is podman's; None is taken for one before 6.

    Raises:
        MalformedSettings: one of the files is no TOML, or has no list there.
    """
    files = podman_files(host, since_6=version is not None and version >= SINCE_PODMAN_6)
    dirs, said = [HOOKS_DIR], []
    append = False
    for path in files:
        for value in _values(host, path, "engine", "hooks_dir"):
            strings, append = _attributed(value, append, host.shown(path))
            # containers/common internal/attributedstring: {append=true} lasts for later files, too.
            dirs = [*dirs, *strings] if append else strings
            said.append(host.shown(path))
    return dirs, list(dict.fromkeys(said))


def podman_files(host: Host, *, since_6: bool) -> list[Path]:
    """Return the containers.conf files that there are, in the order in which podman reads them.

    Of containers/common pkg/config (``systemConfigs``), since 6 of container-libs
    storage/pkg/configfile (``Read``).
    """
    last = _named(host, "CONTAINERS_CONF_OVERRIDE")
    if alone := _named(host, "CONTAINERS_CONF"):
        return [*alone, *last]
    vendor, administrator = host.path(_VENDOR), host.path(_ADMINISTRATOR)
    user = host.home() / "containers/containers.conf"
    if not since_6:
        merged = [vendor, administrator, *_drop_ins([administrator]), user, *_drop_ins([user])]
        return [*_existing(merged), *last]
    main = _existing([user, administrator, vendor])[:1]
    who = "rootless" if host.euid else "rootful"
    special = [path.with_name(f"containers.{who}.conf") for path in (vendor, administrator)]
    masking = _drop_ins([vendor, special[0], administrator, special[1], user])
    by_name = {path.name: path for path in masking}
    return [*main, *(by_name[name] for name in sorted(by_name)), *last]


def crio_hooks_dirs(host: Host) -> tuple[list[str], list[str]]:
    """Return CRI-O's hooks_dir, and the files that say so (crio.conf(5), crio.conf.d(5)).

    Every file below crio.conf.d counts, whatever its name is: OpenShift has ``00-default`` there
    (CRI-O's pkg/config, UpdateFromPath).

    Raises:
        MalformedSettings: one of the files is no TOML, or has no list there.
    """
    dirs, said = [HOOKS_DIR], []
    main = host.path("/etc/crio/crio.conf")
    for path in [*_existing([main]), *_below(host, main.with_name("crio.conf.d"))]:
        for value in _values(host, path, "crio", "runtime", "hooks_dir"):
            if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
                raise MalformedSettings(f"{host.shown(path)}: hooks_dir: not a list of strings")
            dirs = value
            said.append(host.shown(path))
    return dirs, list(dict.fromkeys(said))


def _below(host: Host, directory: Path) -> list[Path]:
    """Return all files below a directory in the order of Go's filepath.Walk, links not followed."""
    try:
        names = sorted(os.listdir(directory))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise MalformedSettings(f"{host.shown(directory)}: {reason(error)}") from None
    found = []
    for name in names:
        path = directory / name
        found += _below(host, path) if path.is_dir() and not path.is_symlink() else [path]
    return found


def _named(host: Host, variable: str) -> list[Path]:
    """Return the file that a variable of the environment names, which has to be there.

    Raises:
        MalformedSettings: it is not.
    """
    named = host.environ.get(variable)
    if not named:
        return []
    path = host.path(os.path.abspath(named))
    try:
        path.stat()
    except OSError as error:
        raise MalformedSettings(f"{variable}={named}: {reason(error)}") from None
    return [path]


def _existing(files: Iterable[Path]) -> list[Path]:
    """Return the paths where something is: a directory and a loop are for the engine to refuse."""
    return [path for path in files if _is_there(path)]


def _is_there(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        pass  # reading it says why
    return True


def _drop_ins(main_files: Iterable[Path]) -> list[Path]:
    """Return the files of each ``FILE.d``, by name; there need not be one.

    As Go's filepath.WalkDir finds them: a link in place of the directory is not followed, one in
    place of a file is, and then has to lead to a file.
    """
    return [
        path
        for main in main_files
        if not (below := main.with_name(f"{main.name}.d")).is_symlink()
        for path in sorted(below.glob("*.conf"))
        if path.is_symlink() or not path.is_dir()
        if _is_there(path)
    ]


def _parse(host: Host, path: Path) -> dict[str, Any]:
    shown = host.shown(path)
    try:
        return toml_text.loads(host.content(path).decode("utf-8-sig"))
    except OSError as error:
        raise MalformedSettings(f"{shown}: {reason(error)}") from None
    except ValueError as error:
        raise MalformedSettings(f"{shown}: {str(error)[:1].lower()}{str(error)[1:]}") from None


def _values(host: Host, path: Path, *names: str) -> Iterator[Any]:
    """Yield what a file says at a place, in its order, by names in any case."""
    tables = [_parse(host, path)]
    for name in names[:-1]:
        tables = [table[key] for table in tables for key in table if key.lower() == name]
        if not all(isinstance(each, dict) for each in tables):
            raise MalformedSettings(f"{host.shown(path)}: {name}: not a table")
    for table in tables:
        yield from (value for key, value in table.items() if key.lower() == names[-1])


def _attributed(value: Any, append: bool, where: str) -> tuple[list[str], bool]:
    """Take apart a list of strings that may hold ``{append = true}``."""
    if not isinstance(value, list):
        raise MalformedSettings(f"{where}: hooks_dir: not a list")
    for each in value:
        if isinstance(each, dict):
            append = _appends(each, append, where)
        elif not isinstance(each, str):
            raise MalformedSettings(f"{where}: hooks_dir: an item is neither string nor table")
    return [each for each in value if isinstance(each, str)], append


def _appends(attributes: dict[str, Any], append: bool, where: str) -> bool:
    for name, value in attributes.items():
        if name != "append":
            raise MalformedSettings(f"{where}: hooks_dir: {name[:64]!a} is no attribute")
        if not isinstance(value, bool):
            raise MalformedSettings(f"{where}: hooks_dir: append is no boolean")
        append = value
    return append
