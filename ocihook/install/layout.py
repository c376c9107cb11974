# SPDX-License-Identifier: Apache-2.0
"""Where everything goes below a prefix: what systemd, man and the shells look through."""

from pathlib import Path
from typing import NamedTuple

from ocihook.errors import InstallError
from ocihook.paths import HOOK_PROGRAM, HOOKS_DIR

SYSTEM_PREFIX = Path("/usr")
"""Where podman looks for hooks by default."""

SEARCHED_PREFIXES = (SYSTEM_PREFIX, Path("/usr/local"))
"""Below these systemd reads units and tmpfiles.d (systemd.unit(5), tmpfiles.d(5))."""


class Layout(NamedTuple):
    """The program, and the directories of everything else; absolute, without ``--root``."""

    program: Path
    hooks_dir: Path
    units: Path
    tmpfiles: Path
    man: Path
    bash: Path
    zsh: Path
    fish: Path


def layout(
    prefix: Path = SYSTEM_PREFIX,
    hooks_dir: Path | None = None,
    program: Path | None = None,
    root: Path = Path("/"),
) -> Layout:
    """Return where things go.

    Args:
        prefix: takes the place of /usr in all paths.
        hooks_dir: instead of the prefix's.
        program: instead of the prefix's.
        root: where Debian's directory for zsh is looked for.

    Raises:
        InstallError: a path is not absolute.
    """
    for path in (prefix, hooks_dir, program):
        if path is not None and not path.is_absolute():
            raise InstallError(f"{path}: not an absolute path", "runtimes take no other")
    share = prefix / "share"
    zsh = share / "zsh" / "vendor-completions"  # Debian's zsh has no /usr/share/zsh/site-functions
    if not (root / zsh.relative_to("/")).is_dir():
        zsh = share / "zsh" / "site-functions"
    return Layout(
        program=program or prefix / Path(HOOK_PROGRAM).relative_to(SYSTEM_PREFIX),
        hooks_dir=hooks_dir or prefix / Path(HOOKS_DIR).relative_to(SYSTEM_PREFIX),
        units=prefix / "lib" / "systemd" / "system",
        tmpfiles=prefix / "lib" / "tmpfiles.d",
        man=share / "man",
        bash=share / "bash-completion" / "completions",
        zsh=zsh,
        fish=share / "fish" / "vendor_completions.d",
    )


def below(root: Path, path: Path) -> Path:
    """Return an absolute path as one below `root`, on no way that leads out of it.

    A link below a root other than "/" is refused wherever it leads: in an unpacked image it means
    a place in the image, and the kernel would take one on this host.

    Raises:
        InstallError: a directory on the way is a symbolic link.
    """
    found = root
    *directories, name = path.relative_to("/").parts
    for each in directories:
        found /= each
        if root != Path("/") and found.is_symlink():
            raise InstallError(
                f"{found}: is a symbolic link, and what is below --root goes through none",
                "name a place that has none, with --prefix, or make it a directory",
            )
    return found / name
