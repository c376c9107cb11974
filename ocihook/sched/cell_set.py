# SPDX-License-Identifier: Apache-2.0
"""Change a live cell: in the scheduler at once, and on its cgroup's mark for the next scheduler."""

import errno
import os
from dataclasses import dataclass
from typing import Any

from ocihook import cpulist, mark
from ocihook._bpf import pinned
from ocihook._bpf.pinned_cells import cell_in_charge
from ocihook.abi import (
    CELL_FIELD_FLAGS,
    CELL_FIELD_OWN,
    CELL_FIELD_QUOTA,
    CELL_FIELD_WEIGHT,
    CELL_FLAG_FIXED_QUOTA,
    CELL_FLAG_FIXED_WEIGHT,
    CELL_FLAG_NO_BORROW,
    CELL_FLAG_NO_LEND,
    Cell,
)
from ocihook.cell import CellSpec
from ocihook.cpuset import Cpuset
from ocihook.errors import CgroupError, InputError
from ocihook.grant import claim
from ocihook.paths import CELL_MARK, CGROUPFS
from ocihook.sched.cells import list_cells
from ocihook.sched.cgroup_files import cpuset_of
from ocihook.sched.change import Change
from ocihook.sched.which import find_cell

HOST_CELL = 0

_MARKED = (
    "weight",
    "fixed_weight",
    "quota_ns",
    "period_ns",
    "burst_ns",
    "fixed_quota",
    "lend",
    "borrow",
)
_MARKED_CPUS = ("own", "own_count", "own_list")


@dataclass(frozen=True)
class Outcome:
    """A cell that was changed: its slot, what it is now, and what else there is to say of it."""

    slot: int
    spec: CellSpec
    warnings: tuple[str, ...]


def change_cell(
    which: str, change: Change, cgroupfs: str = CGROUPFS, given_out: int = 0
) -> Outcome:
    """Apply `change` to the live cell that `which` names (``find_cell``), all of it or nothing.

    What is named here is not changed any more by what is written to the cgroup's ``cpu.weight`` or
    ``cpu.max``. The marks of all cgroups that share the cell follow. `given_out` is the cpumask of
    the CPUs that may become somebody's own, 0 for all.

    Raises:
        InputError: no cell, or several go by that name; it is the host's; the burst is too long.
        OwnCpusTaken: not all the CPUs that are wished can be had.
        CgroupError: it ended meanwhile.
        SchedulerUnavailable: nothing is loaded.
    """
    row = find_cell((one for one in list_cells(cgroupfs) if one["state"] == "live"), which)
    if row["cell"] == HOST_CELL:
        raise InputError(
            "cell 0: is the host's, and has what the containers leave",
            "its services and users have the weights of their cgroups: systemctl set-property NAME"
            " CPUWeight=N",
        )
    homes = row["members"] or [row]
    if not homes[0]["cgid"]:
        raise CgroupError(f"cell {row['cell']}: no cgroup is in it any more", "see: ocihook gc")
    slot, cell = cell_in_charge(row["cell"])
    spec = _wanted(cell, change, homes[0]["container"])
    cpus = cpuset_of((home["cgroup"] for home in homes), cgroupfs)
    _update(spec, change, homes[0]["cgid"], slot, cpus, given_out)
    return Outcome(slot, spec, tuple(_mark(spec, change, homes, cgroupfs)))


def _wanted(cell: Cell, change: Change, container: str) -> CellSpec:
    """Return what the cell is to be: what it is, with the change."""
    quota_ns, period_ns, burst_ns = change.quota_ns(cell.quota_ns, cell.period_ns, cell.burst_ns)
    lends = not cell.flags & CELL_FLAG_NO_LEND
    borrows = not cell.flags & CELL_FLAG_NO_BORROW
    own_count, own_list = change.cpus or (0, 0)
    names_quota = change.quota_us is not None or change.burst_us is not None
    return CellSpec(
        container=container,
        bundle_hash=cell.bundle_hash,
        name=cell.name.decode(errors="replace"),
        shared=cell.nr_members > 0,
        scope=cell.scope,
        weight=cell.weight if change.weight is None else change.weight,
        fixed_weight=change.weight is not None or bool(cell.flags & CELL_FLAG_FIXED_WEIGHT),
        quota_ns=quota_ns,
        period_ns=period_ns,
        burst_ns=burst_ns,
        fixed_quota=names_quota or bool(cell.flags & CELL_FLAG_FIXED_QUOTA),
        allowed=cpulist.from_words(cell.allowed),
        own=cpulist.from_words(cell.own) if change.cpus is None else 0,
        own_count=own_count,
        own_list=own_list,
        lend=lends if change.lend is None else change.lend,
        borrow=borrows if change.borrow is None else change.borrow,
    )


def _update(
    spec: CellSpec, change: Change, cgid: int, slot: int, cpus: Cpuset, given_out: int
) -> None:
    request = spec.request(cgid)
    request.fields = CELL_FIELD_FLAGS
    if change.weight is not None:
        request.fields |= CELL_FIELD_WEIGHT
    if change.quota_us is not None or change.burst_us is not None:
        request.fields |= CELL_FIELD_QUOTA
    if change.cpus is not None:
        request.fields |= CELL_FIELD_OWN
    if spec.wishes_own():
        claim(request, spec, slot, cpus, given_out, whole=True)
    else:
        pinned.update(request)


def _mark(spec: CellSpec, change: Change, homes: list[dict[str, Any]], cgroupfs: str) -> list[str]:
    """Write what the cell is now to the marks; return what failed, a line each."""
    keys = _MARKED + (() if change.cpus is None else _MARKED_CPUS)
    now: dict[str, Any] = {key: getattr(spec, key) for key in keys}
    failures = []
    for home in homes:
        if home["cgroup"] is None:
            failures.append(f"cgroup {home['cgid']}: not to be seen from here, its mark stays")
            continue
        path = cgroupfs + home["cgroup"]
        try:
            members: dict[str, Any] = mark.read(os.getxattr(path, CELL_MARK)).members()
            os.setxattr(path, CELL_MARK, mark.write(CellSpec(**{**members, **now})))
        except OSError as error:
            # Without a mark it had no claim to a cell after a restart, and still has none.
            if error.errno != errno.ENODATA:
                failures.append(f"{path}: mark: {os.strerror(error.errno or 0).lower()}")
        except InputError as error:
            failures.append(f"{path}: {error}")
    return failures
