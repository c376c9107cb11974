# SPDX-License-Identifier: Apache-2.0
"""Give every marked cgroup its cell again, after the scheduler was stopped, ejected or replaced.

The hook leaves the wanted cell as an extended attribute on the container's cgroup. So the cgroup
tree is the list of what should be: nothing is replayed, and no file of ours can be stale.
"""

import errno
import os
from collections.abc import Iterator

from ocihook._bpf.pinned import register
from ocihook.cell import from_mark
from ocihook.errors import OcihookError
from ocihook.paths import CELL_MARK, CGROUPFS


def marked_cgroups(cgroupfs: str = CGROUPFS) -> Iterator[tuple[str, bytes]]:
    """Yield (directory, mark) for every marked cgroup at and below ``cgroupfs``.

    Cgroups that vanish while the tree is walked are left out.
    """
    for directory, _, _ in os.walk(cgroupfs):
        try:
            yield directory, os.getxattr(directory, CELL_MARK)
        except OSError as error:
            if error.errno not in (errno.ENODATA, errno.ENOENT, errno.ENODEV):
                raise


def restore_cells(cgroupfs: str = CGROUPFS) -> tuple[int, list[str]]:
    """Register the cell of every marked cgroup; return how many, and what failed, a line each.

    A cell that is registered already is brought back to its mark.
    """
    restored, failures = 0, []
    for directory, mark in marked_cgroups(cgroupfs):
        try:
            register(from_mark(mark).request(os.stat(directory).st_ino))
            restored += 1
        except FileNotFoundError:
            continue
        except OcihookError as error:
            failures.append(f"{directory}: {error}")
    return restored, failures
