# SPDX-License-Identifier: Apache-2.0
"""Place and remove single files so that nobody ever sees half of one."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISREG

from ocihook.errors import InstallError

Ours = Callable[[bytes], bool]
"""Tells from the content of a file whether we have written it."""

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

_HINTS = {
    errno.EPERM: "run as root",
    errno.EACCES: "run as root",
    errno.ENOENT: "make its directory first",
    errno.EROFS: "name another place; for install that is --prefix, like /usr/local",
    errno.ENOSPC: "make room on its file system, and do it again",
    errno.EDQUOT: "make room on its file system, and do it again",
    errno.EEXIST: "move away what is in its place or above it",
    errno.ENOTDIR: "move away what is in its place or above it",
    errno.EISDIR: "move away what is in its place or above it",
}
"""What to do next, by what the system refused with."""

Step = tuple[str, Path]
"""What was done ("placed", "kept", "removed", "absent", "left", "compiled"), and to what."""


def place(
    path: Path,
    content: bytes,
    mode: int,
    ours: Ours,
    *,
    force: bool = False,
    dry_run: bool = False,
) -> Step:
    """Write `content` to `path` in one step: a new file beside it, synced, then renamed.

    Directories above it are made as needed, mode 0755 whatever the umask is.

    Args:
        force: overwrite a file that is not ours.
        dry_run: only look what would be done.

    Returns:
        ("placed", path), or ("kept", path) when it stands there already.

    Raises:
        InstallError: when somebody else's file is in the way, or the system refuses.
    """
    try:
        current = _content(path)
        if current == content and path.stat().st_mode & 0o7777 == mode:
            return "kept", path
        if current is not None and not ours(current) and not force:
            raise InstallError(f"{path}: is not ocihook's", "move it away, or use --force")
        if not dry_run:
            make_directory(path.parent)
            _replace(path, content, mode)
    except OSError as error:
        raise _failure(path, "placed", error) from error
    return "placed", path


def make_directory(path: Path) -> None:
    """Make a directory, and those above it that are missing, mode 0755 whatever the umask is.

    Raises:
        OSError: something else is in the way, or the system refuses.
    """
    missing = [each for each in (path, *path.parents) if not each.is_dir()]
    for each in reversed(missing):
        each.mkdir(mode=0o755)
        each.chmod(0o755)


@contextmanager
def usual_umask() -> Iterator[None]:
    """Have what others make for us be writable by its owner alone, and readable by all."""
    before = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(before)


def replace(
    path: Path,
    content: bytes,
    mode: int,
    owner: tuple[int, int] | None = None,
    directory: int | None = None,
) -> None:
    """Write `content` to `path` in one step, whatever file was there; even the same content.

    Args:
        owner: uid and gid of the new file, instead of who runs this.
        directory: an fd of the directory that it goes to, whatever `path` leads to by now.

    Raises:
        InstallError: when what is there is no plain file, or the system refuses.
    """
    _require_plain(path, directory)
    try:
        _replace(path, content, mode, owner, directory)
    except OSError as error:
        raise _failure(path, "written", error) from error


def require_replaceable(path: Path) -> None:
    """Raise what :func:`replace` would: for who has to work long before there is a content.

    Raises:
        InstallError: when what is there is no plain file, or the system refuses.
    """
    _require_plain(path)
    temporary = _temporary(path)
    try:
        os.close(os.open(temporary, _NEW, 0o600))
        temporary.unlink()
    except OSError as error:
        raise _failure(path, "written", error) from error


def remove(path: Path, ours: Ours, *, dry_run: bool = False) -> Step:
    """Remove the file `path` if it is ours.

    Args:
        dry_run: only look what would be done.

    Returns:
        ("removed", path), ("absent", path), or ("left", path) when it is
            somebody else's.

    Raises:
        InstallError: when the system refuses.
    """
    try:
        current = _content(path)
        if current is None:
            return "absent", path
        if not ours(current):
            return "left", path
        if not dry_run:
            path.unlink()
            _sync_directory(path.parent)
    except OSError as error:
        raise _failure(path, "removed", error) from error
    return "removed", path


def remove_link(path: Path, target_name: str, *, dry_run: bool = False) -> Step:
    """Remove the symbolic link `path` if it leads to a file called `target_name`, there or not.

    Returns, raises: as :func:`remove`.
    """
    try:
        if not os.path.lexists(path):
            return "absent", path
        if not path.is_symlink() or os.path.basename(os.readlink(path)) != target_name:
            return "left", path
        if not dry_run:
            path.unlink()
            _sync_directory(path.parent)
    except OSError as error:
        raise _failure(path, "removed", error) from error
    return "removed", path


def _content(path: Path) -> bytes | None:
    """Return the content, None when nothing is there; b"" for what is not a plain file."""
    if not os.path.lexists(path):
        return None
    if path.is_symlink() or not path.is_file():
        return b""
    return path.read_bytes()


def _require_plain(path: Path, directory: int | None = None) -> None:
    try:
        status = os.lstat(path if directory is None else path.name, dir_fd=directory)
    except OSError:
        return
    if not S_ISREG(status.st_mode):
        raise InstallError(f"{path}: is no plain file", "name one, or a new one")


def _temporary(path: Path) -> Path:
    # Not *.json: podman reads every such file of its directory, whole or not.
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def _replace(
    path: Path,
    content: bytes,
    mode: int,
    owner: tuple[int, int] | None = None,
    directory: int | None = None,
) -> None:
    temporary = _temporary(path).name
    # Held, so that what is made, renamed and synced is in one directory, wherever that goes.
    above = open_directory(path.parent) if directory is None else directory
    try:
        file = os.open(temporary, _NEW, 0o600, dir_fd=above)
        try:
            with os.fdopen(file, "wb") as stream:
                stream.write(content)
                stream.flush()
                if owner is not None:
                    os.fchown(stream.fileno(), *owner)
                # After the owner: a change of that takes set-id bits away.
                os.fchmod(stream.fileno(), mode)
                os.fsync(stream.fileno())
            os.rename(temporary, path.name, src_dir_fd=above, dst_dir_fd=above)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=above)
            raise
        os.fsync(above)
    finally:
        if directory is None:
            os.close(above)


def open_directory(path: Path) -> int:
    """Return an fd of a directory.

    Raises:
        OSError: it cannot be opened, or is none.
    """
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _sync_directory(directory: Path) -> None:
    file = open_directory(directory)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _failure(path: Path, verb: str, error: OSError) -> InstallError:
    reason = os.strerror(error.errno).lower() if error.errno else str(error)
    hint = _HINTS.get(error.errno or 0, "name another place")
    return InstallError(f"{path}: cannot be {verb}: {reason}", hint)
