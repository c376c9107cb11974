# SPDX-License-Identifier: Apache-2.0
"""Which directories podman and CRI-O read hooks from: their configuration, in their own order."""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

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
        document = _parse(host, path)
        value = _at(document, "engine", "hooks_dir")
        if value is None:
            continue
        strings, append = _attributed(value, append, host.shown(path))
        # containers/common internal/attributedstring: {append=true} lasts for later files, too.
        dirs = [*dirs, *strings] if append else strings
        said.append(host.shown(path))
    return dirs, said


def podman_files(host: Host, *, since_6: bool) -> list[Path]:
    """Return the containers.conf files that there are, in the order in which podman reads them.

    Of containers/common pkg/config (``systemConfigs``), since 6 of container-libs
    storage/pkg/configfile (``Read``).
    """
    override = host.environ.get("CONTAINERS_CONF_OVERRIDE")
    last = [host.path(override)] if override and override.startswith("/") else []
    alone = host.environ.get("CONTAINERS_CONF")
    if alone and alone.startswith("/"):
        return _existing([host.path(alone), *last])
    vendor, administrator = host.path(_VENDOR), host.path(_ADMINISTRATOR)
    user = host.home() / "containers/containers.conf"
    if not since_6:
        merged = [vendor, administrator, *_drop_ins([administrator]), user, *_drop_ins([user])]
        return _existing([*merged, *last])
    main = _existing([user, administrator, vendor])[:1]
    who = "rootless" if host.euid else "rootful"
    special = [path.with_name(f"containers.{who}.conf") for path in (vendor, administrator)]
    masking = _drop_ins([vendor, special[0], administrator, special[1], user])
    by_name = {path.name: path for path in masking}
    return [*main, *(by_name[name] for name in sorted(by_name)), *last]


def crio_hooks_dirs(host: Host) -> tuple[list[str], list[str]]:
    """Return CRI-O's hooks_dir, and the files that say so (crio.conf(5), crio.conf.d(5)).

    Raises:
        MalformedSettings: one of the files is no TOML, or has no list there.
    """
    dirs, said = [HOOKS_DIR], []
    main = host.path("/etc/crio/crio.conf")
    for path in _existing([main, *_drop_ins([main])]):
        value = _at(_parse(host, path), "crio", "runtime", "hooks_dir")
        if value is not None:
            dirs, _ = _attributed(value, False, host.shown(path))
            said.append(host.shown(path))
    return dirs, said


def _existing(files: Iterable[Path]) -> list[Path]:
    return [path for path in files if path.is_file()]


def _drop_ins(main_files: Iterable[Path]) -> list[Path]:
    """Return the files of each ``FILE.d``, by name; there need not be one."""
    return [
        path
        for main in main_files
        for path in sorted(main.with_name(f"{main.name}.d").glob("*.conf"))
        if path.is_file()
    ]


def _parse(host: Host, path: Path) -> dict[str, Any]:
    shown = host.shown(path)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MalformedSettings(f"{shown}: {reason(error)}") from None
    except (ValueError, RecursionError) as error:
        raise MalformedSettings(f"{shown}: {str(error)[:1].lower()}{str(error)[1:]}") from None


def _at(document: Any, *names: str) -> Any:
    for name in names:
        document = document.get(name) if isinstance(document, dict) else None
    return document


def _attributed(value: Any, append: bool, where: str) -> tuple[list[str], bool]:
    """Take apart a list of strings that may hold ``{append = true}``."""
    if not isinstance(value, list):
        raise MalformedSettings(f"{where}: hooks_dir: not a list")
    for attributes in value:
        if isinstance(attributes, dict):
            append = attributes.get("append", append) is True
    return [each for each in value if isinstance(each, str)], append
