# SPDX-License-Identifier: Apache-2.0
"""Programs of this machine's own Debian release, unpacked into the cache and not installed.

For tests and benchmarks on the machine itself: it is not to get a container runtime, or an OCI hook
with 100 MB of compiler behind it, for our sake.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import NamedTuple

from . import cache, mirror
from .apt import PrivateApt, extract
from .progress import step

# The C library and the compiler's must be the machine's own: they belong to its program loader.
_MACHINES_OWN = re.compile(r"(libc6|libgcc-s1|libcrypt1|gcc-\d+-base)=")


class Programs(NamedTuple):
    """A tree with programs in ``usr/bin`` and ``usr/sbin``, and where their libraries are."""

    directory: Path
    library_path: str

    def find(self, name: str) -> Path:
        """Return the path of a program.

        :raises FileNotFoundError: if no package has it
        """
        for place in ("usr/bin", "usr/sbin", "usr/libexec/oci/hooks.d"):
            if (self.directory / place / name).exists():
                return self.directory / place / name
        message = f"{name}: not in {self.directory}"
        raise FileNotFoundError(message)


def unpacked(*packages: str) -> Programs:
    """Return ``packages`` with the libraries they need.

    :raises RigError: if they cannot be had
    """
    release = mirror.codename()

    def fill(directory: Path) -> None:
        with step(f"fetching {', '.join(packages)} for {release}"), cache.lock("apt"):
            apt = PrivateApt([release])
            apt.update()
            needed = apt.with_dependencies(packages)
            wanted = [name for name in needed if not _MACHINES_OWN.match(name)]
            extract(apt.download(wanted, directory), directory)
        for name in ("usr/share/doc", "usr/share/man", "usr/share/locale"):
            shutil.rmtree(directory / name, ignore_errors=True)

    directory = cache.entry("programs", release, *packages, fill=fill)
    libraries = ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu")
    return Programs(directory, ":".join(str(directory / name) for name in libraries))
