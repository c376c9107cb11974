# SPDX-License-Identifier: Apache-2.0
"""Make the guest's disk: a raw image with one ext4 partition.

The kernel finds the partition by its identifier, without an initramfs (``root=PARTUUID=...``). Runs
use the image with ``snapshot=on``, so it never changes.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import NamedTuple

from . import cache, host, tree
from .progress import step

SUITES = ("trixie", "forky")

PARTUUID = "52494730-01"  # disk identifier "RIG0", partition 1
_DISK_ID = 0x52494730
_SIZE_MIB = 3072  # sparse: about 400 MiB of it are in use
_OFFSET_MIB = 1


class Image(NamedTuple):
    """A guest's disk, and the directory in it where its Python looks for packages."""

    disk: Path
    site: str


def find(suite: str) -> Image:
    """Return the image of ``suite``, making it if need be.

    :raises RigError: if it cannot be made, with the end of the failing program's output
    """
    recipe = (suite, Path(__file__).read_text(), *tree.recipe())
    directory = cache.entry("image", *recipe, fill=lambda new: _make(suite, new))
    return Image(directory / "disk.img", (directory / "site").read_text().strip())


def _make(suite: str, directory: Path) -> None:
    files = directory / "tree"
    site = tree.make(suite, files)
    with step(f"writing the guest's disk ({suite})"):
        _write_disk(files, directory / "disk.img")
        host.remove_tree(files)
    (directory / "site").write_text(site + "\n")


def _write_disk(files: Path, disk: Path) -> None:
    with open(disk, "wb") as file:
        file.write(_partition_table())
        file.truncate(_SIZE_MIB << 20)
    command = ["mke2fs", "-q", "-t", "ext4", "-d", str(files), "-O", "^has_journal", "-m", "0"]
    size = f"{(_SIZE_MIB - _OFFSET_MIB) << 10}k"
    host.run([*command, "-E", f"offset={_OFFSET_MIB << 20}", str(disk), size], root=True)


def _partition_table() -> bytes:
    """Return an MBR with one Linux partition up to the end. By hand, as sfdisk may be missing."""
    start, sectors = (_OFFSET_MIB << 20) // 512, ((_SIZE_MIB - _OFFSET_MIB) << 20) // 512
    no_chs = b"\xfe\xff\xff"
    partition = struct.pack("<B3sB3sII", 0, no_chs, 0x83, no_chs, start, sectors)
    return struct.pack("<440xIH", _DISK_ID, 0) + partition.ljust(64, b"\0") + b"\x55\xaa"
