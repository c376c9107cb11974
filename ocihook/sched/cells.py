# SPDX-License-Identifier: Apache-2.0
"""List the cells: the kernel's table, joined with what cgroupfs says of each cgroup."""

import errno
import os
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from ocihook._bpf.pinned_array import PinnedArray
from ocihook._bpf.syscalls import open_cgid
from ocihook.abi import (
    CELL_FREE,
    CELL_NODE,
    CELL_NODE_DRAINING,
    OCIHOOK_MAX_CELLS,
    Cell,
    CellRunNs,
    CellStats,
    CellWaits,
)
from ocihook.errors import SystemCallError
from ocihook.paths import CGROUPFS
from ocihook.sched.cell_row import Counted, describe
from ocihook.sched.cgroup_files import cpuset_of
from ocihook.sched.cgroup_walk import walk
from ocihook.sched.loader import read_record
from ocihook.sched.pins import explained
from ocihook.topology import possible_cpus

HOST_CELL = 0

NOT_CELLS = frozenset({CELL_FREE, CELL_NODE, CELL_NODE_DRAINING})
"""States of slots that are no cell: free, or another cgroup's in the tree."""


def cgroup_of(mount_fd: int, cgid: int) -> str | None:
    """Return the path of a cgroup below the mount, ``/`` first.

    None where it is gone, or so deep that the kernel has no path for it.
    """
    try:
        fd = open_cgid(mount_fd, cgid)
    except SystemCallError:
        return None
    try:
        path = os.readlink(f"/proc/self/fd/{fd}")
        root = os.readlink(f"/proc/self/fd/{mount_fd}")
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return None
        raise SystemCallError(
            f"{error.filename}", error.errno or 0, "look whether procfs is mounted at /proc"
        ) from None
    finally:
        os.close(fd)
    return path[len(root) :] or "/" if path.startswith(root) else None


def count_tasks(directory: str, others: frozenset[int]) -> int:
    """Count the threads at and below a cgroup, without the subtrees that ``others`` own."""
    count = 0
    try:
        for each in walk(directory, others):
            if each.fault is None:
                count += _threads_of(each.fd)
    except OSError:
        pass  # removed while we looked
    return count


def _threads_of(directory: int) -> int:
    try:
        fd = os.open("cgroup.threads", os.O_RDONLY | os.O_CLOEXEC, dir_fd=directory)
        with open(fd, encoding="ascii") as file:
            return sum(1 for _ in file)
    except OSError:
        return 0  # removed while we looked, or of an invalid domain (EOPNOTSUPP)


def _fold(rows: Mapping[int, dict[str, Any]], cells: Mapping[int, Cell]) -> list[dict[str, Any]]:
    """Put the cgroups that share a cell under that cell, and leave out their own slots.

    A cgroup whose shared cell is gone, or has been used anew, is shown as it stands.
    """
    folded = set()
    for slot, cell in cells.items():
        shared = cells.get(cell.shared) if cell.shared else None
        if shared is None or shared.generation != cell.shared_generation:
            continue
        row = rows[slot]
        rows[cell.shared]["members"].append(
            {name: row[name] for name in ("container", "cgid", "cgroup")}
        )
        folded.add(slot)
    return [row for slot, row in rows.items() if slot not in folded]


def _homes(
    cells: Mapping[int, Cell], cgroups: Mapping[int, str | None]
) -> dict[int, list[str | None]]:
    """Return the cgroups that are in each cell: its own, or those that share it; not the host's."""
    homes = {slot: [cgroups[slot]] for slot in cells if slot != HOST_CELL}
    for slot, cell in cells.items():
        shared = cells.get(cell.shared) if cell.shared else None
        if shared and shared.generation == cell.shared_generation:
            homes[cell.shared].append(cgroups[slot])
    return homes


def _tasks_of(row: dict[str, Any], cgroupfs: str, owners: frozenset[int]) -> int:
    return sum(
        count_tasks(cgroupfs + part["cgroup"].rstrip("/"), owners - {part["cgid"]})
        for part in (row, *row["members"])
        if part["cgroup"] is not None
    )


def list_cells(cgroupfs: str = CGROUPFS) -> list[dict[str, Any]]:
    """Return every cell that is not free, cell 0 first, as schemas/cells.schema.json describes.

    Cgroups that share a cell are its ``members``. The table is read slot by slot while it changes,
    and nothing is stopped for it: a cell that comes or goes meanwhile may or may not be there, and
    the numbers of two cells, or of two CPUs, may be of two moments.

    Raises:
        SchedulerUnavailable: nothing is loaded; it says so where nothing of ours can be.
        AbiMismatch: what is loaded was made by another build.
    """
    possible = possible_cpus()
    with explained(), ExitStack() as opened:
        cells = PinnedArray("cells", Cell)
        opened.callback(cells.close)
        runs = PinnedArray("cell_run_ns", CellRunNs, copies=possible.bit_count())
        opened.callback(runs.close)
        stats = PinnedArray("cell_stats", CellStats, slots=OCIHOOK_MAX_CELLS)
        opened.callback(stats.close)
        waits = PinnedArray("cell_waits", CellWaits)
        opened.callback(waits.close)
        mount_fd = os.open(cgroupfs, os.O_RDONLY | os.O_DIRECTORY)
        opened.callback(os.close, mount_fd)

        used, cgroups, rows = {}, {}, {}
        for slot in range(read_record().nr_slots):
            cell = cells.read(slot)[0]
            if cell.state in NOT_CELLS:
                continue
            used[slot] = cell
            # The cell that cgroups share has no cgroup itself.
            cgroups[slot] = cgroup_of(mount_fd, cell.cgid) if cell.cgid else None
        homes = _homes(used, cgroups)
        for slot, cell in used.items():
            counted = Counted(runs.read(slot), stats.read(slot), waits.read(slot)[0])
            cpus = cpuset_of(homes.get(slot, ()), cgroupfs)
            rows[slot] = describe(slot, cell, counted, possible, cpus)
            rows[slot]["cgroup"] = cgroups[slot]
    found = _fold(rows, used)
    owners = frozenset(cell.cgid for cell in used.values() if cell.cgid)
    for row in found:
        row["tasks"] = _tasks_of(row, cgroupfs, owners)
    return found
