# SPDX-License-Identifier: Apache-2.0
"""Give a registered cell the CPUs of its own that it wishes. On the hook's path where it does.

Several hooks choose at the same time from the same table, without a lock. The scheduler claims CPU
by CPU and refuses the whole request where one is another's by then; so whoever lost looks again.
"""

from ocihook import cpulist, own_cpus, topology
from ocihook._bpf import pinned, pinned_cells
from ocihook.abi import CELL_FIELD_OWN, CellRequest
from ocihook.cell import CellSpec
from ocihook.cpuset import ANY, Cpuset
from ocihook.errors import OwnCpusTaken

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
        claim(request, spec, slot, cpus, given_out, whole=False)
    except OwnCpusTaken as error:
        return str(error)
    return shortage(spec, cpus)


def claim(
    request: CellRequest,
    spec: CellSpec,
    slot: int,
    cpus: Cpuset,
    given_out: int = 0,
    *,
    whole: bool,
) -> None:
    """Send the update `request` with CPUs for the wish of `spec`, and note them in it.

    Of `cpus` and of `given_out`, 0 being all. With `whole` nothing is changed where one is missing.

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
    for attempt in range(ATTEMPTS):
        current = cpulist.from_words(pinned_cells.cell_in_charge(slot)[1].own)
        taken = pinned_cells.owned_cpus() & ~current | lost
        # No CPU at all would be any CPU to choose().
        spec.own = allowed and own_cpus.choose(
            spec.own_count, spec.own_list, machine, taken, allowed, current or before
        )
        if whole and (missing := shortage(spec, cpus)):
            spec.own = before
            raise OwnCpusTaken(missing, "see: ocihook cells")
        if request.fields == CELL_FIELD_OWN and spec.own == current:
            return  # nothing else is asked; a claim would interrupt what runs there
        request.own = cpulist.to_words(spec.own)
        try:
            pinned.update(request)
            return
        except OwnCpusTaken:
            if attempt == ATTEMPTS - 1:
                spec.own = current
                raise


def shortage(spec: CellSpec, cpus: Cpuset = ANY) -> str:
    """Say what a cell wished and was not granted; nothing where nothing is missing.

    With the CPUs that its cgroup may use, `cpus`, where these are the reason.
    """
    if spec.own_list:
        missing = spec.own_list & ~spec.own
        if not missing:
            return ""
        said = f"own CPUs {cpulist.format(missing)}"
        if cpus.effective is not None and not missing & cpus.effective:
            return f"{said}: {_bounds(cpus)}"
        return f"{said}: taken, offline, not allowed, or the host's last"
    missing_count = spec.own_count - spec.own.bit_count()
    if missing_count <= 0:
        return ""
    said = f"own CPUs: {spec.own_count} wished, {spec.own.bit_count()} free and allowed"
    return f"{said}; {_bounds(cpus)}" if cpus.narrows() else said


def _bounds(cpus: Cpuset) -> str:
    shown = cpulist.format(cpus.effective or 0) or "none"
    return f"its cgroup may use {shown} (cpuset.cpus.effective)"
