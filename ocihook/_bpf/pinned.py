# SPDX-License-Identifier: Apache-2.0
"""Talk to the running scheduler through its pins. On the hook's path: no libbpf, no BPF load.

Every call opens a pin, runs or reads it, and closes it: a hook does one of them and ends.
"""

import errno
import posix as os

from ocihook import procfs
from ocihook._bpf.syscalls import obj_get, prog_run
from ocihook.abi import CellQuery, CellRelease, CellRequest, CellSweep
from ocihook.errors import (
    CellTableFull,
    CgroupError,
    OcihookError,
    OwnCpusTaken,
    SchedulerUnavailable,
    SystemCallError,
)
from ocihook.paths import PIN_DIR, SCHED_EXT

START_HINT = "start it with: ocihook scheduler start"

ATTEMPTS = 3
"""How often a registration is tried that lost a race for its cgroup (EAGAIN); one retry is enough
unless the cell is registered and released over and over at the same time."""


def open_pin(name: str, directory: str = PIN_DIR) -> int:
    """Return an fd of a pinned object.

    Raises:
        SchedulerUnavailable: nothing is pinned under this name; it says what runs all the same. Or
            what is there is somebody else's.
        SystemCallError: it may not be opened.
    """
    _require_trusted(directory.rpartition("/")[0])
    try:
        return obj_get(f"{directory}/{name}")
    except SystemCallError as error:
        if error.errno == errno.ENOENT:
            raise _absent(name, directory) from None
        if error.errno in (errno.EACCES, errno.EPERM):
            error.hint = "run this command as root"
            if os.geteuid() == 0:  # of a container, say
                error.hint = "it takes CAP_BPF, which this root does not have: run it on the host"
        raise


def _require_trusted(pin_root: str) -> None:
    """Leave alone what a user has put in place of the pins: anybody may in a bpffs of mode 1777."""
    try:
        owner = os.lstat(pin_root).st_uid
    except OSError:
        return  # opening the pin tells
    if owner not in (0, os.geteuid()):
        raise SchedulerUnavailable(
            f"{pin_root}: belongs to user {owner}, so nothing in it counts", "see: ocihook doctor"
        )


def _absent(name: str, directory: str) -> SchedulerUnavailable:
    """Say why there is no such pin, as far as two looks can tell."""
    try:
        os.stat(directory)
        return SchedulerUnavailable(f"{directory}: no {name}", "see: ocihook doctor")
    except OSError:
        pass  # as usual: without a scheduler there is no directory either
    try:
        ops = procfs.read(f"{SCHED_EXT}/root/ops").strip(procfs.BLANKS)
    except OSError:
        return SchedulerUnavailable("no ocihook scheduler is loaded", START_HINT)
    return SchedulerUnavailable(
        f"sched_ext runs {ops}, and nothing is pinned in {directory}", "see: ocihook doctor"
    )


def _failure(what: str, code: int) -> OcihookError:
    """Say what a program's negative result means."""
    if code == errno.ENODEV:
        return SchedulerUnavailable(
            "the ocihook scheduler was ejected",
            "see: ocihook scheduler status; start it again with: ocihook scheduler start",
        )
    if code == errno.ENOSPC:
        return CellTableFull("every cell is taken", "see: ocihook cells")
    if code == errno.ENAMETOOLONG:
        return CgroupError(
            f"{what}: more than 31 levels deep", "cells are told apart down to there"
        )
    if code == errno.EBUSY:
        return OwnCpusTaken(f"{what}: CPUs wished as its own are taken", "see: ocihook cells")
    if code in (errno.ESRCH, errno.ENOENT):
        return CgroupError(f"{what}: no such cgroup or cell", "it may have ended meanwhile")
    return SystemCallError(what, code)


def _run(name: str, context: bytearray) -> int:
    """Run a pinned program; return its result, negative on failure."""
    fd = open_pin(name)
    try:
        return prog_run(fd, context)
    finally:
        os.close(fd)


def register(request: CellRequest) -> tuple[int, int]:
    """Give the cgroup of ``request`` its cell, or update the one it has.

    Returns the slot and its generation. ``request.shared`` says whether the cgroup only has joined
    a shared cell (``CELL_SHARED_JOINED``).

    Raises:
        SchedulerUnavailable: nothing is loaded, or it was ejected.
        CellTableFull: all slots are taken.
        CgroupError: the cgroup is gone.
        OwnCpusTaken: a CPU of ``own`` is another cell's, or too few would be nobody's.
        SystemCallError: anything else that the kernel says.
    """
    code = -errno.EAGAIN
    for _ in range(ATTEMPTS):
        context = request.pack()
        code = _run("cell_register", context)
        if code != -errno.EAGAIN:
            break
    if code < 0:
        raise _failure(f"registration of cgroup {request.cgid}", -code)
    answer = CellRequest.unpack(context)
    request.shared = answer.shared
    return answer.cell, answer.generation


def update(request: CellRequest) -> tuple[int, int]:
    """Change the live cell of a cgroup by the members that ``request.fields`` names.

    Returns the slot and its generation; raises as ``register`` does.
    """
    context = request.pack()
    code = _run("cell_update", context)
    if code < 0:
        raise _failure(f"update of cgroup {request.cgid}", -code)
    answer = CellRequest.unpack(context)
    return answer.cell, answer.generation


def unregister(release: CellRelease) -> int:
    """Release the cells that ``release`` names; return how many there were, 0 included."""
    context = release.pack()
    code = _run("cell_unregister", context)
    if code < 0:
        raise _failure("release", -code)
    return CellRelease.unpack(context).released


def cell_of(pid: int = 0) -> CellQuery:
    """Return the cell that the scheduler last ran a thread in; 0 stands for the caller.

    Raises:
        SchedulerUnavailable: nothing is loaded, or it has not seen the thread.
        CgroupError: there is no such thread.
    """
    context = CellQuery(pid=pid).pack()
    code = _run("cell_of", context)
    if code < 0:
        raise _failure(f"cell of thread {pid or 'self'}", -code)
    return CellQuery.unpack(context)


def sweep() -> CellSweep:
    """Free abandoned claims, cells without a cgroup, and drained slots; return how many of each."""
    context = CellSweep().pack()
    code = _run("cell_gc", context)
    if code < 0:
        raise _failure("sweep", -code)
    return CellSweep.unpack(context)
