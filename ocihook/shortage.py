# SPDX-License-Identifier: Apache-2.0
"""Say which CPUs a cell wished as its own and was not granted, and why. Pure.

On the hook's path where own CPUs are wished.
"""

from ocihook import cpulist
from ocihook.cell import CellSpec
from ocihook.cpuset import Cpuset


class Bounds:
    """Why a CPU may not become a cell's own. All are cpumasks.

    ``online``; ``others``, the own CPUs of other cells; ``cpus``, what the cell's cgroup may use;
    ``allowed``, the container's cpuset, where no file of the cgroup says it (0: all);
    ``given_out``, the configuration's ``limits.own_cpus`` (0: all).
    """

    __slots__ = ("allowed", "cpus", "given_out", "online", "others")

    def __init__(
        self, online: int, others: int, cpus: Cpuset, allowed: int = 0, given_out: int = 0
    ) -> None:
        self.online = online
        self.others = others
        self.cpus = cpus
        self.allowed = allowed
        self.given_out = given_out

    def reasons(self) -> list[tuple[int, str]]:
        """Return cpumasks and reasons, the one that counts first; the last one has every CPU."""
        effective, of_root = self.cpus.effective, self.cpus.of_root
        reasons = [(~self.online, "not online")]
        if effective is not None:
            if of_root is not None:
                reasons.append((~of_root & ~effective, "in the cpuset partition of another cgroup"))
            shown = cpulist.format(effective) or "none"
            reasons.append((~effective, f"not in its cgroup's cpuset.cpus.effective: {shown}"))
        elif self.allowed:
            reasons.append((~self.allowed, "not in the container's cpuset"))
        if self.given_out:
            reasons.append((~self.given_out, "not given out by limits.own_cpus"))
        reasons.append((self.others, "another cell's own"))
        reasons.append((-1, "of the one whole core that stays the host's"))
        return reasons


def is_short(spec: CellSpec) -> bool:
    """Tell whether a cell was granted less than it wished."""
    if spec.own_list:
        return bool(spec.own_list & ~spec.own)
    return spec.own.bit_count() < spec.own_count


def shortage(spec: CellSpec, bounds: Bounds) -> str:
    """Return the CPUs that a cell wished and was not granted, each with the reason; or nothing.

    Where a number was wished these are all CPUs that are online but its own.
    """
    if not is_short(spec):
        return ""
    if spec.own_list:
        said, missing = "own CPUs not granted", spec.own_list & ~spec.own
    else:
        granted = spec.own.bit_count()
        said = f"own CPUs: {spec.own_count} wished, {granted} granted; not granted"
        missing = bounds.online & ~spec.own
    parts = []
    for cpus, why in bounds.reasons():
        if missing & cpus:
            parts.append(f"{cpulist.format(missing & cpus)} ({why})")
        missing &= ~cpus
    return f"{said}: {', '.join(parts)}"
