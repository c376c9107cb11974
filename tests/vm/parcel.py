# SPDX-License-Identifier: Apache-2.0
"""What goes into the guest and what comes back: two tar files that the guest sees as raw disks.

No shared directory, no daemon, no mount, no root rights needed. Paths in both are the guest's,
without the leading slash.
"""

from __future__ import annotations

import io
import os
import shlex
import subprocess
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from .errors import RigError, Usage
from .wheel import installed_files

_BLOCK_BYTES = 1 << 20
_OUT_BYTES = 512 << 20  # sparse: costs only what the guest writes
# What udev would make: shells and their scripts write to these.
_DEVICE_LINKS = {
    "dev/fd": "/proc/self/fd",
    "dev/stdin": "/proc/self/fd/0",
    "dev/stdout": "/proc/self/fd/1",
    "dev/stderr": "/proc/self/fd/2",
}
# Built, so git ignores them; guests have no compiler.
_BUILT_FOR_GUESTS = ("build/fault/ocihook.bpf.o",)
_GUEST = Path(__file__).parent / "guest"
_SCRIPTS = ("init.sh", "session.sh")
_SYSTEMD = _GUEST / "systemd"


def pack(
    target: Path,
    command: Sequence[str],
    *,
    site: str,
    environment: Mapping[str, str],
    with_dir: Path | None,
    wheel: Path | None,
    systemd: bool = False,
) -> None:
    """Write the tar file that makes one run out of the image.

    :param command: the words of a command, or one text for the shell
    :param site: the guest's directory for Python packages
    :param environment: variables for the guest
    :param with_dir: directory to be seen at /with
    :param wheel: the built project, to be installed
    :param systemd: whether systemd is to be the guest's init
    """
    script = command[0] if len(command) == 1 else shlex.join(command)
    variables = "".join(f"{name}={shlex.quote(value)}\n" for name, value in environment.items())
    with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as tar:
        for name in _SCRIPTS:
            _add(tar, f"rig/{name}", (_GUEST / name).read_bytes())
        # Packed for systemd alone: /run/systemd/system is how programs know that it runs.
        for path in sorted(_SYSTEMD.rglob("*")) if systemd else ():
            if path.is_file():
                _add(tar, str(path.relative_to(_SYSTEMD)), path.read_bytes())
        _add(tar, "rig/command", script.encode() + b"\n")
        _add(tar, "rig/env", variables.encode() + f"RIG_SITE={site}\n".encode())
        for name, to in _DEVICE_LINKS.items():
            _add_link(tar, name, to)
        for file in installed_files(wheel, site) if wheel else ():
            _add(tar, file.path, file.content, file.mode)
        for name in _contents(with_dir) if with_dir else ():
            tar.add(with_dir / name, f"with/{name}", recursive=False, filter=_as_root)  # type: ignore[operator]
    _pad(target)


def _add(tar: tarfile.TarFile, path: str, content: bytes, mode: int = 0o644) -> None:
    member = tarfile.TarInfo(path)
    member.size, member.mode = len(content), mode
    tar.addfile(member, io.BytesIO(content))


def _add_link(tar: tarfile.TarFile, path: str, to: str) -> None:
    member = tarfile.TarInfo(path)
    member.type, member.linkname = tarfile.SYMTYPE, to
    tar.addfile(member)


def _as_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member


def _contents(directory: Path) -> Iterator[str]:
    """Yield the paths below ``directory``: of a clone what git tracks or would track, and what is
    built for guests; else all.
    """
    if not directory.is_dir():
        message = f"{directory}: not a directory; --with wants one"
        raise Usage(message)
    if (directory / ".git").exists():
        command = [
            "git",
            "-C",
            str(directory),
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ]
        listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        names = sorted({*listed.split("\0"), *_BUILT_FOR_GUESTS} - {""})
        yield from (name for name in names if os.path.lexists(directory / name))
        return
    for path in sorted(directory.rglob("*")):
        yield str(path.relative_to(directory))


def _pad(path: Path) -> None:
    size = path.stat().st_size
    os.truncate(path, -(-size // _BLOCK_BYTES) * _BLOCK_BYTES)


def empty(target: Path) -> None:
    """Make the disk that the guest writes its results on."""
    with open(target, "wb") as file:
        file.truncate(_OUT_BYTES)


def unpack(source: Path, out_dir: Path | None) -> int | None:
    """Put the guest's /out into ``out_dir``, if any, and return its command's exit status.

    :returns: None if the guest handed back nothing
    :raises RigError: if /out was too large to come back, or holds a path that leads out of it
    """
    try:
        with tarfile.open(source, "r:") as tar:
            status = tar.extractfile("rig/status")
            if status is None:
                return None
            result = int(status.read())
            members = tar.getmembers()
            if members[-1].name != "rig/end":
                message = f"/out: did not come back whole; it may have {_OUT_BYTES >> 20} MiB"
                raise RigError(message)
            for member in members:
                if out_dir and member.name.startswith("out/"):
                    _extract(tar, member, out_dir)
    except (tarfile.ReadError, KeyError, ValueError):
        return None
    return result


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, out_dir: Path) -> None:
    # By hand: bookworm's Python 3.11.2 has no extraction filters, and /out comes from a guest.
    path = Path(member.name).relative_to("out")
    if ".." in path.parts:
        message = f"/out/{path}: leads out of the directory; give it another name"
        raise RigError(message)
    target = out_dir / path
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    content = tar.extractfile(member) if member.isfile() else None
    if content is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.read())
        target.chmod(member.mode & 0o777 | 0o600)
