# SPDX-License-Identifier: Apache-2.0
"""Whether what root runs is root's: each file, each directory above it, each link on the way.

Runtimes call the hook program as root at each container start, and systemd the command at each
boot. Who may write one of these, or a directory that leads there, is root soon after.
"""

import os
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from stat import S_IMODE, S_ISDIR, S_ISLNK, S_ISVTX

from ocihook.errors import InstallError
from ocihook.install import launcher, service
from ocihook.install.layout import Layout

_MAX_LINKS = 40
"""As the kernel follows of one path (path_resolution(7))."""

_HINT = "give it to root alone (chown root, chmod go-w), install ocihook elsewhere, or use --force"


def require(places: Layout, root: Path = Path("/")) -> None:
    """Make sure that only root may write what root is going to run.

    Raises:
        InstallError: others may write something of it; the message names the first.
    """
    if found := faults(places, root):
        more = f", and {len(found) - 1} more" if len(found) > 1 else ""
        raise InstallError(f"{found[0]}{more}", _HINT)


def faults(places: Layout, root: Path = Path("/")) -> list[str]:
    """Return what others may write of all that root is going to run, a line each.

    For a user who installs below a home directory, what is theirs counts as root's. Below `root`,
    what is not there yet is nobody's.
    """
    libraries = launcher.module_directories()
    wanted = [
        *(places.program, places.hooks_dir, places.units, places.tmpfiles),
        *(launcher.find_interpreter(), Path(sys.executable), service.find_command()),
        *(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")),
        *(Path(each) for each in sys.path if each.startswith("/")),
        *libraries,
    ]
    owner = os.geteuid()
    lines = [line for each in wanted for line in on_the_way(each, owner, root)]
    for each in libraries:
        lines += of_library(each, owner, root)
    return list(dict.fromkeys(lines))


def of_library(library: Path, owner: int = 0, root: Path = Path("/")) -> Iterator[str]:
    """Yield what others may write in a ``sys.path`` entry: our package; cffi, with its libraries.

    The wheel of cffi brings the libraries along, in a directory beside it.
    """
    here = root / library.relative_to("/")
    for found in (here / "ocihook", *here.glob("*cffi*")):
        tree = "/" / found.relative_to(root)
        yield from on_the_way(tree, owner, root)
        yield from below(tree, owner, root)


def on_the_way(path: Path, owner: int = 0, root: Path = Path("/")) -> Iterator[str]:
    """Yield what others than root and `owner` may write of an absolute path and all above it.

    Of a directory above with the sticky bit they may not rename what is not theirs, so it counts as
    root's. What is not there, or cannot be looked at, ends the way.
    """
    at, links = Path("/"), 0
    names = list(reversed(path.parts[1:]))
    if root == Path("/"):
        yield from _one(at, os.lstat(at), owner, leads_on=bool(names))
    while names:
        name = names.pop()
        if name == "..":
            at = at.parent
            continue
        at /= name
        here = root / at.relative_to("/")
        try:
            status = here.lstat()
            target = Path(os.readlink(here)) if S_ISLNK(status.st_mode) else None
        except OSError:
            return
        yield from _one(at, status, owner, leads_on=bool(names))
        if target is None:
            continue
        if (links := links + 1) > _MAX_LINKS:
            return
        at = Path("/") if target.is_absolute() else at.parent
        names += reversed(target.parts[target.is_absolute() :])


def below(directory: Path, owner: int = 0, root: Path = Path("/")) -> Iterator[str]:
    """Yield what others than root and `owner` may write below a directory."""
    for above, directories, files in os.walk(root / directory.relative_to("/")):
        for name in (*directories, *files):
            path = Path(above, name)
            try:
                status = path.lstat()
            except OSError:
                continue
            yield from _one("/" / path.relative_to(root), status, owner)


def _one(
    path: Path, status: os.stat_result, owner: int, *, leads_on: bool = False
) -> Iterator[str]:
    mode = S_IMODE(status.st_mode)
    others = 0 if S_ISLNK(status.st_mode) else mode & 0o002
    if status.st_gid not in ({0, os.getegid()} if owner else {0}):
        others |= 0 if S_ISLNK(status.st_mode) else mode & 0o020
    if leads_on and S_ISDIR(status.st_mode) and mode & S_ISVTX:
        others = 0
    if others or status.st_uid not in (0, owner):
        yield (
            f"{path}: mode {mode:04o}, owner {status.st_uid}:{status.st_gid}: others may write what"
            " root runs"
        )
