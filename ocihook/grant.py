# SPDX-License-Identifier: Apache-2.0
"""Give a registered cell the CPUs of its own that it wishes. On the hook's path where it does.

Several hooks choose at the same time from the same table, without a lock. The scheduler claims CPU
by CPU and refuses the whole request where one is another's by then; so whoever lost looks again.
"""

from ocihook import cpulist, own_cpus, topology
from ocihook._bpf import pinned, pinned_cells
from ocihook.abi import CELL_FIELD_OWN, CellRequest
from ocihook.cell import CellSpec
from ocihook.cpuset import Cpuset
from ocihook.errors import OwnCpusTaken
from ocihook.shortage import Bounds, shortage

ATTEMPTS = 8
"""How often CPUs are chosen anew that another registration took meanwhile."""


def grant(spec: CellSpec, cgid: int, slot: int, cpus: Cpuset, given_out: int = 0) -> str:
    """Give the cell of the cgroup `cgid`, which is in `slot`, what there is of its wish.

    Sets ``spec.own``; what stood there before is preferred. Cells that share a name keep what they
    have, too, where it is what the wish asks for. `cpus` are those that the cgroup may use now.
    `given_out` is the cpumask of those that may become a cell's own, 0 for all.

    Returns:
        what is missing, in a sentence; nothing where the wish is fulfilled.

    Raises:
        CgroupError: the cgroup or its cell is gone.
        OcihookError: whatever else the scheduler says.
    """
    request = spec.request(cgid)
    request.fields = CELL_FIELD_OWN
    try:
        return claim(request, spec, slot, cpus, given_out, whole=False)
    except OwnCpusTaken as error:
        return str(error)


def claim(
    request: CellRequest,
    spec: CellSpec,
    slot: int,
    cpus: Cpuset,
    given_out: int = 0,
    *,
    whole: bool,
) -> str:
    """Send the update `request` with CPUs for the wish of `spec`, and note them in it.

    Of `cpus` and of `given_out`, 0 being all. With `whole` nothing is changed where one is missing.

    Returns:
        what is missing, as :func:`grant` does.

    Raises:
        OwnCpusTaken: with `whole`, CPUs are missing; else, others were faster each time.
    """
    machine = topology.read()
    before = spec.own
    allowed = spec.allowed or machine.online
    lost = 0
    if cpus.effective is not None:
        allowed = cpus.effective
    if cpus.of_root is not None:
        # Of a partition elsewhere: no task of the host's can run there.
        lost = machine.online & ~cpus.of_root & ~allowed
    if given_out:
        allowed &= given_out
    attempts = 0
    while True:
        current = cpulist.from_words(pinned_cells.cell_in_charge(slot)[1].own)
        others = pinned_cells.owned_cpus() & ~current
        # No CPU at all would be any CPU to choose().
        spec.own = allowed and own_cpus.choose(
            spec.own_count, spec.own_list, machine, others | lost, allowed, current or before
        )
        missing = shortage(spec, Bounds(machine.online, others, cpus, spec.allowed, given_out))
        if whole and missing:
            spec.own = before
            raise OwnCpusTaken(missing, "see: ocihook cells")
        if request.fields == CELL_FIELD_OWN and spec.own == current:
            return missing  # nothing else is asked; a claim would interrupt what runs there
        request.own = cpulist.to_words(spec.own)
        try:
            pinned.update(request)
            return missing
        except OwnCpusTaken:
            attempts += 1
            if attempts == ATTEMPTS:
                spec.own = current
                raise
