# SPDX-License-Identifier: Apache-2.0
"""Write our hooks into the config.json of a plain bundle, and take them out again.

For runc and crun without an engine: nobody reads hooks.d files there (runtime-spec, config.md,
POSIX-platform Hooks). The rest of the file stays as it is, byte for byte.
"""

import difflib
import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from stat import S_IMODE, S_ISREG
from typing import NamedTuple

from ocihook import nspawn
from ocihook.errors import BundleError, InstallError, OcihookError, SystemCallError
from ocihook.hook.bundle import MAX_CONFIG_BYTES
from ocihook.hook.json import MAX_DEPTH, is_deep
from ocihook.install import bundle_hooks, files, hooks, json_text
from ocihook.install.bundle_hooks import NO_BUNDLE_HINT


class Change(NamedTuple):
    """What became of a config.json: ``injected``, ``kept``, ``ejected`` or ``absent``."""

    action: str
    config: Path
    diff: str
    """Unified; empty where nothing changes."""
    note: str = ""
    """Who does not start the bundle as it is then."""


def inject(directory: Path, program: Path, *, dry_run: bool = False, force: bool = False) -> Change:
    """Have the bundle's runtime call `program` at our three stages. Again, it changes nothing.

    Hooks of ours that are there already, with another program or at other stages, are replaced;
    those of others stay, before ours.

    Args:
        dry_run: write nothing.
        force: whether or not there is such a program.

    Raises:
        BundleError: `directory` is no bundle, or its hooks are not what the spec says, or they have
            names in another case.
        InstallError: the program is missing, or the file cannot be written.
        SystemCallError: the file is not for this user.
    """
    _check_program(program, force)
    config = directory / "config.json"
    with _opened(directory, config) as place:
        text, status = _read(config, place)
        if is_deep(text.encode()):
            raise BundleError(
                f"{config}: nested more than {MAX_DEPTH} deep", "the hook reads no such file"
            )
        bundle_hooks.demand_names(text, config)
        wanted = {
            stage: json.loads(hooks.hook_file(stage, program))["hook"] for stage in hooks.STAGES
        }
        if bundle_hooks.ours(text, config) == [(stage, wanted[stage]) for stage in sorted(wanted)]:
            return Change("kept", config, "", _note(text))
        after = bundle_hooks.without_ours(text, config)
        for stage, hook in wanted.items():
            after = bundle_hooks.with_hook(after, config, stage, hook)
        change = _write("injected", config, place, (text, after), status, dry_run=dry_run)
    return change._replace(note=_note(after))


def eject(directory: Path, *, dry_run: bool = False) -> Change:
    """Take our hooks out of the bundle's config.json, and lists that are empty without them.

    Raises:
        BundleError: `directory` is no bundle, or its hooks are not what the spec says.
        InstallError: the file cannot be written.
        SystemCallError: the file is not for this user.
    """
    config = directory / "config.json"
    with _opened(directory, config) as place:
        text, status = _read(config, place)
        after = bundle_hooks.without_ours(text, config)
        if after == text:
            return Change("absent", config, "")
        return _write("ejected", config, place, (text, after), status, dry_run=dry_run)


def _note(text: str) -> str:
    return nspawn.REFUSAL if nspawn.refused(json_text.parse(text)) else ""


def _check_program(program: Path, force: bool) -> None:
    if not program.is_absolute():
        raise InstallError(f"{program}: not an absolute path", "runtimes take no other")
    try:
        str(program).encode()
    except UnicodeEncodeError:
        raise InstallError(f"{program!r}: not UTF-8", "JSON can name no such path") from None
    if not force and not (program.is_file() and os.access(program, os.X_OK)):
        raise InstallError(
            f"{program}: no such program, and a container whose hook is missing does not start",
            "run: ocihook install; or name another with --hook; or use --force",
        )


@contextmanager
def _opened(directory: Path, config: Path) -> Iterator[int]:
    """Hold the bundle's directory: what is read and what is written is in one, if it is moved."""
    try:
        place = files.open_directory(directory)
    except OSError as error:
        raise _unread(config, error) from None
    try:
        yield place
    finally:
        os.close(place)


def _unread(config: Path, error: OSError) -> OcihookError:
    if error.errno == errno.EACCES:
        return SystemCallError(f"{config}", errno.EACCES, "run this command as root")
    return BundleError(f"{config}: {os.strerror(error.errno or 0).lower()}", NO_BUNDLE_HINT)


def _read(config: Path, place: int) -> tuple[str, os.stat_result]:
    try:
        # Not through a link, whose target may be anybody's; and not waiting for a FIFO.
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
        with open(os.open(config.name, flags, dir_fd=place), "rb") as file:
            status = os.fstat(file.fileno())
            if not S_ISREG(status.st_mode):
                raise BundleError(f"{config}: not a regular file", NO_BUNDLE_HINT)
            data = file.read(MAX_CONFIG_BYTES + 1)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise BundleError(
                f"{config}: is a symbolic link", "name the directory that the file is in"
            ) from None
        raise _unread(config, error) from None
    if len(data) > MAX_CONFIG_BYTES:
        raise BundleError(f"{config}: more than {MAX_CONFIG_BYTES} bytes", "the hook reads no more")
    try:
        text = data.decode()
        document = json_text.parse(text)
    except ValueError as error:
        raise BundleError(f"{config}: not JSON: {error}", NO_BUNDLE_HINT) from None
    if not isinstance(document, dict) or not isinstance(document.get("ociVersion"), str):
        raise BundleError(f"{config}: no OCI configuration: it has no ociVersion", NO_BUNDLE_HINT)
    return text, status


def _write(
    action: str,
    config: Path,
    place: int,
    texts: tuple[str, str],
    status: os.stat_result,
    *,
    dry_run: bool,
) -> Change:
    before, after = texts
    diff = "\n".join(
        difflib.unified_diff(
            before.split("\n"), after.split("\n"), f"{config}", f"{config}", lineterm=""
        )
    )
    if not dry_run:
        owner = (status.st_uid, status.st_gid)
        files.replace(config, after.encode(), S_IMODE(status.st_mode), owner, place)
    return Change(action, config, diff)
