# SPDX-License-Identifier: Apache-2.0
"""List the cells: the kernel's table, joined with what cgroupfs says of each cgroup."""

import os
from typing import Any

from ocihook import cpulist
from ocihook._bpf.pinned_array import PinnedArray
from ocihook._bpf.syscalls import open_cgid
from ocihook.abi import (
    CELL_CLAIMING,
    CELL_DRAINING,
    CELL_FREE,
    CELL_LIVE,
    Cell,
    CellStats,
)
from ocihook.errors import SystemCallError
from ocihook.paths import CGROUPFS
from ocihook.sched.loader import read_record

STATES = {CELL_CLAIMING: "claiming", CELL_LIVE: "live", CELL_DRAINING: "draining"}


def possible_cpus(path: str = "/sys/devices/system/cpu/possible") -> int:
    """Return the mask of the CPUs that there may ever be: per-CPU maps have one part for each."""
    with open(path, encoding="ascii") as file:
        return cpulist.parse(file.read().strip())


def cgroup_of(mount_fd: int, cgid: int) -> str | None:
    """Return the path of a cgroup below the mount, ``/`` first, or None where it is gone."""
    try:
        fd = open_cgid(mount_fd, cgid)
    except SystemCallError:
        return None
    try:
        path = os.readlink(f"/proc/self/fd/{fd}")
        root = os.readlink(f"/proc/self/fd/{mount_fd}")
    finally:
        os.close(fd)
    return path[len(root) :] or "/" if path.startswith(root) else None


def count_tasks(directory: str, others: frozenset[int]) -> int:
    """Count the threads at and below a cgroup, without the subtrees that ``others`` own."""
    try:
        with open(f"{directory}/cgroup.threads", encoding="ascii") as file:
            count = sum(1 for _ in file)
        with os.scandir(directory) as entries:
            below = [entry for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        # Removed while we looked, or cgroup.threads of an invalid domain (EOPNOTSUPP).
        return 0
    return count + sum(
        count_tasks(entry.path, others) for entry in below if entry.inode() not in others
    )


def _describe(slot: int, cell: Cell, stats: list[CellStats], mount_fd: int) -> dict[str, Any]:
    exec_cpus = cpulist.from_words(cell.exec_allowed)
    possible = possible_cpus()
    allowed = cpulist.from_words(cell.allowed) if cell.restricted else possible
    return {
        "cell": slot,
        "name": cell.name.decode(errors="replace"),
        "container": cell.container.decode(errors="replace"),
        "cgid": cell.cgid,
        "cgroup": cgroup_of(mount_fd, cell.cgid),
        "state": STATES.get(cell.state, "claiming"),
        "generation": cell.generation,
        "weight": cell.weight,
        "cpus": cpulist.format(allowed & possible),
        "exec_cpus": cpulist.format(exec_cpus) if exec_cpus else None,
        "tasks": 0,
        "run_ns": sum(part.run_ns for part in stats),
    }


def list_cells(cgroupfs: str = CGROUPFS) -> list[dict[str, Any]]:
    """Return every cell that is not free, cell 0 first, as schemas/cells.schema.json describes.

    The table is read slot by slot while it changes: a cell that comes or goes meanwhile may or
    may not be there.

    Raises:
        SchedulerUnavailable: nothing is loaded.
        AbiMismatch: what is loaded was made by another build.
    """
    cells = PinnedArray("cells", Cell)
    stats = PinnedArray("cell_stats", CellStats, copies=possible_cpus().bit_count())
    mount_fd = os.open(cgroupfs, os.O_RDONLY | os.O_DIRECTORY)
    try:
        found = []
        for slot in range(read_record().nr_slots):
            cell = cells.read(slot)[0]
            if cell.state != CELL_FREE:
                found.append(_describe(slot, cell, stats.read(slot), mount_fd))
    finally:
        os.close(mount_fd)
        stats.close()
        cells.close()
    owners = frozenset(int(row["cgid"]) for row in found)
    for row in found:
        if row["cgroup"] is not None:
            path = cgroupfs + row["cgroup"].rstrip("/")
            row["tasks"] = count_tasks(path, owners - {row["cgid"]})
    return found
