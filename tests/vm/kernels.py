# SPDX-License-Identifier: Apache-2.0
"""Debian's cloud kernels by version: ``6.18`` is the newest 6.18 there is.

Cloud kernels have NVMe, ext4, virtio-pci and virtio-console built in, so they mount the image
without an initramfs.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import NamedTuple

from . import cache
from .apt import PrivateApt, extract
from .errors import RigError, Unavailable
from .progress import step

# The release's own build first: the 7.1 and 7.2 builds in trixie-backports have broken BTF for
# sched_ext's kfuncs, forky's 7.2 has not (2026-11). Those stay reachable by their release's mark:
# 7.2+deb13.
_SUITES = ("forky", "trixie-backports")

# From 6.19 on linux-image-* is an empty package and linux-binary-* holds the kernel.
_NAME = re.compile(
    r"linux-(?P<kind>binary|image)-(?P<version>\d+(?:\.\d+)+)\+(?P<build>\w+)-cloud-amd64"
)
_FORM = re.compile(r"\d+\.\d+(\.\d+)?(\+\w+)?")


class Kernel(NamedTuple):
    """A kernel to boot: its release as ``uname -r`` has it, and the file to start."""

    release: str
    vmlinuz: Path


def find(name: str) -> Kernel:
    """Return Debian's newest cloud kernel of the version ``name``, fetched if need be.

    :param name: ``6.18``, ``6.18.15``, or with the mark of the release it was built for:
        ``6.18+deb13``, ``6.18.15+deb13``
    :raises Unavailable: if Debian has no such kernel (any more)
    """
    if not _FORM.fullmatch(name):
        message = f"kernel {name}: not a version; say 6.18, 6.18.15 or 6.18.15+deb13"
        raise Unavailable(message)
    directory = cache.entry("kernel", name, *_SUITES, fill=lambda new: _fetch(name, new))
    return Kernel((directory / "release").read_text().strip(), directory / "vmlinuz")


def _fetch(name: str, directory: Path) -> None:
    with step(f"fetching kernel {name}"), cache.lock("apt"):
        for suite in _SUITES:
            apt = PrivateApt([suite])
            apt.update()
            package = newest(name, apt.names())
            if package:
                extract(apt.download([package], directory), directory / "files")
                break
        else:
            message = (
                f"kernel {name}: no cloud-amd64 build in {' or '.join(_SUITES)}; ask for another"
            )
            raise Unavailable(message)
    kernels = [
        *directory.glob("files/boot/vmlinuz-*"),
        *directory.glob("files/usr/lib/modules/*/vmlinuz"),
    ]
    if len(kernels) != 1:
        message = f"{package}: {len(kernels)} kernels in it instead of 1; its layout has changed"
        raise RigError(message)
    kernels[0].rename(directory / "vmlinuz")
    release = package.split("-", 2)[2]
    (directory / "release").write_text(release + "\n")
    shutil.rmtree(directory / "files")  # the modules: everything the guest needs is built in


def newest(name: str, packages: list[str]) -> str | None:
    """Return the package with the newest kernel of version ``name`` among ``packages``."""
    asked, _, build = name.partition("+")
    found = []
    for package in packages:
        match = _NAME.fullmatch(package)
        if not match or build not in {"", match["build"]}:
            continue
        if re.match(rf"{re.escape(asked)}(?![0-9])", match["version"]):
            numbers = tuple(int(number) for number in match["version"].split("."))
            found.append((numbers, match["kind"] == "binary", package))
    return max(found)[2] if found else None
