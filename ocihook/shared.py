# SPDX-License-Identifier: Apache-2.0
"""What a container has that joined a shared cell whose members keep what they have.

On the hook's path for those who do.
"""

from ocihook import cpulist
from ocihook._bpf.pinned_cells import cell_in_charge
from ocihook.abi import (
    CELL_FLAG_FIXED_QUOTA,
    CELL_FLAG_FIXED_WEIGHT,
    CELL_FLAG_NO_BORROW,
    CELL_FLAG_NO_LEND,
)
from ocihook.cell import CellSpec


def adopt(spec: CellSpec, slot: int) -> bool:
    """Make `spec` what the cell in `slot` is; tell whether it had named anything else.

    A weight that was not named and a quota are no wishes: a container has those of its cgroup, and
    in a shared cell the cell's.
    """
    _, cell = cell_in_charge(slot)
    lend = not cell.flags & CELL_FLAG_NO_LEND
    borrow = not cell.flags & CELL_FLAG_NO_BORROW
    own = cpulist.from_words(cell.own)
    has_own = own == spec.own_list if spec.own_list else own.bit_count() == spec.own_count
    is_other = (
        (spec.fixed_weight and spec.weight != cell.weight)
        or (not spec.lend and lend)
        or (not spec.borrow and borrow)
        or (spec.wishes_own() and not has_own)
    )
    if not has_own:
        spec.own_count, spec.own_list = 0, own
    spec.own = own
    spec.weight = cell.weight
    spec.fixed_weight = bool(cell.flags & CELL_FLAG_FIXED_WEIGHT)
    spec.quota_ns, spec.period_ns, spec.burst_ns = cell.quota_ns, cell.period_ns, cell.burst_ns
    spec.fixed_quota = bool(cell.flags & CELL_FLAG_FIXED_QUOTA)
    spec.lend, spec.borrow = lend, borrow
    return is_other
