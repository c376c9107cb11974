# SPDX-License-Identifier: Apache-2.0
"""Give every marked cgroup its cell again, after the scheduler was stopped, ejected or replaced.

The hook leaves the wanted cell as an extended attribute on the container's cgroup. So the cgroup
tree is the list of what should be: nothing is replayed, and no file of ours can be stale. A weight
or limit in a mark may be: the cgroup's files go before it, unless an annotation or a command named
the value.
"""

import errno
import os
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from ocihook import mark
from ocihook._bpf.pinned import register
from ocihook.abi import CELL_SHARED_JOINED
from ocihook.cell import CellSpec
from ocihook.cpuset import Cpuset
from ocihook.errors import OcihookError
from ocihook.grant import grant
from ocihook.paths import CELL_MARK, CGROUPFS
from ocihook.sched.cgroup_files import cpuset_of, update_from_files
from ocihook.sched.cgroup_walk import walk
from ocihook.shortage import is_short

Wishing = tuple[str, CellSpec, int, int]
"""A cell that is to have own CPUs: its cgroup's directory, what is wanted, cgroup id, slot."""


class MarkedCgroup(NamedTuple):
    """A cgroup with its mark, or with the ``fault`` for which that cannot be read.

    ``directory`` is its path, ``at`` leads there for as long as the walk stands there.
    """

    directory: str
    at: str
    mark: bytes
    fault: str = ""


def marked_cgroups(cgroupfs: str = CGROUPFS) -> Iterator[MarkedCgroup]:
    """Yield every marked cgroup at and below ``cgroupfs``, and those that cannot be looked at.

    Cgroups that vanish while the tree is walked are left out.

    Raises:
        OSError: there is no ``cgroupfs``.
    """
    for directory, at, _, fault in walk(cgroupfs):
        try:
            if fault is not None:
                raise fault
            yield MarkedCgroup(directory, at, os.getxattr(at, CELL_MARK))
        except OSError as error:
            if error.errno not in (errno.ENODATA, errno.ENOENT, errno.ENODEV):
                why = error.strerror or str(error)
                yield MarkedCgroup(directory, at, b"", f"{why[:1].lower()}{why[1:]}")


def restore_cells(cgroupfs: str = CGROUPFS, given_out: int = 0) -> tuple[int, list[str]]:
    """Register the cell of every marked cgroup; return how many, and what failed, a line each.

    A cell that is registered already is brought back to its mark. Own CPUs come when all cells are
    there, first to those who can have the same as before: who has to choose anew shall not take
    theirs. `given_out` is the cpumask of those that may become somebody's own, 0 for all; what was
    granted or named before is granted again nevertheless, since somebody may have gone past it.

    Of marks that share a cell and are not of one mind, since no scheduler ran when they were left,
    that of the cgroup counts which was there first.
    """
    restored, failures = 0, []
    found: list[tuple[str, CellSpec, int]] = []
    wishing: list[Wishing] = []
    marks = (each.mark for each in marked_cgroups(cgroupfs))
    together = Counter(filter(None, map(_shared_by, marks)))
    for directory, at, text, fault in marked_cgroups(cgroupfs):
        if fault:
            failures.append(f"{directory}: {fault}")
            continue
        try:
            spec = mark.read(text)
            # None of several decides for a cell that they share.
            if not spec.shared or together[spec.name, spec.scope] < 2:
                update_from_files(spec, at)
            found.append((directory, spec, os.stat(at).st_ino))
        except FileNotFoundError:
            continue
        except OcihookError as error:
            failures.append(f"{directory}: {error}")
    # Shared cells in the order of their cgroups' ids, which ascend; the others first, as they came.
    found.sort(key=lambda one: one[2] if one[1].shared else 0)
    for directory, spec, cgid in found:
        try:
            request = spec.request(cgid, joins=True)
            slot, _ = register(request)
            restored += 1
        except FileNotFoundError:
            continue
        except OcihookError as error:
            failures.append(f"{directory}: {error}")
            continue
        if spec.wishes_own() and request.shared != CELL_SHARED_JOINED:
            wishing.append((directory, spec, cgid, slot))
    wishing.sort(key=lambda one: is_short(one[1]))
    for directory, spec, cgid, slot in wishing:
        cpus = cpuset_of([directory[len(cgroupfs) :]], cgroupfs)
        again = given_out and given_out | spec.own | spec.own_list
        if failure := _restore_own_cpus(directory, spec, cgid, slot, cpus, again):
            failures.append(failure)
    return restored, failures


def _shared_by(text: bytes) -> tuple[str, int] | None:
    """Return name and scope of the cell that a mark shares with others; None where it does not."""
    try:
        spec = mark.read(text)
    except OcihookError:
        return None  # said where it is to be registered
    return (spec.name, spec.scope) if spec.shared else None


def _restore_own_cpus(
    directory: str, spec: CellSpec, cgid: int, slot: int, cpus: Cpuset, given_out: int
) -> str:
    """Give a cell its own CPUs again, mark them; return what failed, if anything did."""
    before = spec.own
    try:
        missing = grant(spec, cgid, slot, cpus, given_out)
        if spec.own != before:
            os.setxattr(directory, CELL_MARK, mark.write(spec))
    except (OcihookError, OSError) as error:
        return f"{directory}: {error}"
    return f"{directory}: {missing}" if missing else ""
