# SPDX-License-Identifier: Apache-2.0
"""Free a cell by hand: its tasks become the host's, and no later scheduler brings it back."""

import errno
import os
from dataclasses import dataclass
from typing import Any

from ocihook._bpf import pinned
from ocihook.abi import CellRelease
from ocihook.errors import CgroupError, InputError
from ocihook.paths import CELL_MARK, CGROUPFS
from ocihook.sched.cells import list_cells
from ocihook.sched.which import find_cell

HOST_CELL = 0


@dataclass(frozen=True)
class Released:
    """What was released, as schemas/cell-release.schema.json has it.

    ``released`` are cgroups, each with ``container``, ``cgid`` and ``cgroup``; ``left`` is how many
    others are still in the cell.
    """

    cell: int
    name: str
    released: tuple[dict[str, Any], ...]
    left: int
    warnings: tuple[str, ...]


def release_cell(which: str, cgroupfs: str = CGROUPFS) -> Released:
    """Release the live cell that `which` names (``find_cell``), and take away the marks.

    A cell that several cgroups share ends with all of them, where `which` is its number or name;
    where it is the beginning of a container's id, only that container leaves it.

    Raises:
        InputError: no cell, or several go by that name; it is the host's.
        CgroupError: it ended meanwhile.
        SchedulerUnavailable: nothing is loaded.
    """
    row = find_cell((one for one in list_cells(cgroupfs) if one["state"] == "live"), which)
    if row["cell"] == HOST_CELL:
        raise InputError("cell 0: is the host's, and cannot be released", "see: ocihook cells")
    members = row["members"] or [{key: row[key] for key in ("container", "cgid", "cgroup")}]
    leaving = _meant(row, members, which)
    if not all(home["cgid"] for home in leaving):
        raise CgroupError(f"cell {row['cell']}: no cgroup is in it any more", "see: ocihook gc")
    warnings = []
    released = 0
    for home in leaving:
        # The mark first: a scheduler that starts in between must not find it.
        warnings += _unmark(home, cgroupfs)
        released += pinned.unregister(CellRelease(cgid=home["cgid"]))
    if not released:
        raise CgroupError(f"cell {row['cell']}: it has ended meanwhile", "see: ocihook cells")
    left = len(members) - len(leaving)
    return Released(row["cell"], row["name"], tuple(leaving), left, tuple(warnings))


def _meant(row: dict[str, Any], members: list[dict[str, Any]], which: str) -> list[dict[str, Any]]:
    """Return the cgroups that are to leave: all, or those of one container."""
    if which in (str(row["cell"]), row["name"]) or not row["members"]:
        return members
    exact = [home for home in members if home["container"] == which]
    found = exact or [home for home in members if home["container"].startswith(which)]
    if len(found) > 1:
        names = ", ".join(home["container"] for home in found)
        raise InputError(f"container {which!r}: could be any of {names}", "write more of the id")
    return found


def _unmark(home: dict[str, Any], cgroupfs: str) -> list[str]:
    if home["cgroup"] is None:
        return [f"cgroup {home['cgid']}: not to be seen from here, its mark stays"]
    path = cgroupfs + home["cgroup"]
    try:
        os.removexattr(path, CELL_MARK)
    except OSError as error:
        if error.errno not in (errno.ENODATA, errno.ENOENT):
            return [f"{path}: mark: {os.strerror(error.errno or 0).lower()}"]
    return []
