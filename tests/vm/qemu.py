# SPDX-License-Identifier: Apache-2.0
"""Find a QEMU that does not panic the guest: 10 or newer, the machine's own or one in the cache.

sched_ext flips static keys when it attaches. QEMU 7.2 with multi-threaded TCG panics the guest then
(``Oops: int3``, 4 of 6 boots); 10.0.2 does not (8 of 8). An older QEMU is used single-threaded,
which is right but slow and coarse (10 ms).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from . import cache, host, mirror
from .apt import PrivateApt, extract
from .errors import RigError, Unavailable
from .progress import say, step

_PROGRAM = "qemu-system-x86_64"
_WANTED = (10, 0)
_LIBRARIES = "usr/lib/x86_64-linux-gnu"
# The C library and the compiler's must be the machine's own: they belong to its program loader.
_MACHINES_OWN = re.compile(r"(libc6|libgcc-s1|libcrypt1|gcc-\d+-base)=")
# Dependencies of maintainer scripts and of graphics, which never run here.
_UNUSED = re.compile(
    r"(adduser|debconf|passwd|libasound2-data|libpam-\S+|libaudit-common|libsemanage-common)="
)


class Qemu(NamedTuple):
    """A QEMU to run: program, version, and what its own libraries and firmware need."""

    program: str
    version: tuple[int, int]
    arguments: tuple[str, ...] = ()
    library_path: str | None = None

    @property
    def reliable(self) -> bool:
        """Whether multi-threaded TCG survives static keys being flipped."""
        return self.version >= _WANTED

    def environment(self) -> dict[str, str]:
        """Return the environment to run it in."""
        extra = {"LD_LIBRARY_PATH": self.library_path} if self.library_path else {}
        return host.environment() | extra


def find() -> Qemu:
    """Return the machine's QEMU if new enough, else one from the cache, else whatever there is.

    :raises Unavailable: if there is none at all
    """
    machines = _machines_own()
    if machines and machines.reliable:
        return machines
    try:
        return _from_cache()
    except RigError as error:
        if machines is None:
            raise
        say(f"qemu {'.'.join(map(str, machines.version))}: slow, but no newer one: {error}")
        return machines


def _version(program: str, library_path: str | None = None) -> tuple[int, int] | None:
    environment = host.environment() | ({"LD_LIBRARY_PATH": library_path} if library_path else {})
    done = subprocess.run(
        [program, "--version"], env=environment, capture_output=True, text=True, check=False
    )
    found = re.search(r"version (\d+)\.(\d+)", done.stdout)
    return (int(found[1]), int(found[2])) if done.returncode == 0 and found else None


def _machines_own() -> Qemu | None:
    program = shutil.which(os.environ.get("OCIHOOK_QEMU", _PROGRAM))
    version = _version(program) if program else None
    return Qemu(program, version) if program and version else None


def _from_cache() -> Qemu:
    release = mirror.codename()
    directory = cache.entry("qemu", release, "1", fill=lambda new: _fetch(release, new))
    program = str(directory / "usr/bin" / _PROGRAM)
    library_path = f"{directory}/{_LIBRARIES}:{directory}/lib/x86_64-linux-gnu"
    version = _version(program, library_path)
    if version is None:
        message = f"{program}: does not start; remove {directory} and try again"
        raise Unavailable(message)
    share = f"{directory}/usr/share"
    return Qemu(program, version, ("-L", f"{share}/seabios", "-L", f"{share}/qemu"), library_path)


def _fetch(release: str, directory: Path) -> None:
    with step(f"fetching QEMU for {release}"), cache.lock("apt"):
        try:
            apt = PrivateApt([f"{release}-backports", release])
            apt.update()
        except RigError:  # a release that is not stable yet has no backports
            apt = PrivateApt([release])
            apt.update()
        needed = apt.with_dependencies(["qemu-system-x86"])
        wanted = [
            name for name in needed if not _MACHINES_OWN.match(name) and not _UNUSED.match(name)
        ]
        extract(apt.download(wanted, directory), directory)
    for name in ("usr/share/doc", "usr/share/man", "usr/share/locale"):
        shutil.rmtree(directory / name, ignore_errors=True)
