# SPDX-License-Identifier: Apache-2.0
"""Make the wanted cell out of all that is known of a container.

What the runtime has put into the cgroup goes before what config.json asked
for: no field tells which of two formulas turned shares into a weight, and an
engine may have changed the limits since (podman update, the kubelet).
"""

from ocihook import cpulist
from ocihook.abi import OCIHOOK_WEIGHT_DEFAULT, OCIHOOK_WEIGHT_MIN
from ocihook.cell import CellSpec
from ocihook.errors import CpulistError
from ocihook.hook.annotations import Wishes
from ocihook.hook.bundle import Bundle
from ocihook.hook.cgroup import Cgroup
from ocihook.hook.state import ContainerState
from ocihook.limits import (
    quota_from_cgroup,
    quota_from_us,
    weight_from_cgroup,
    weight_from_shares,
)
from ocihook.policy import SCOPE_ANNOTATION, SCOPE_HOST, SCOPE_PARENT

DEFAULT_NAME_CHARS = 12
"""Of the container's id, as engines shorten it."""


def cell_spec(state: ContainerState, bundle: Bundle, wishes: Wishes, home: Cgroup) -> CellSpec:
    """Return the wanted cell of a container whose cgroup is `home`.

    Raises:
        InputError: when a part of it does not fit the ABI.
    """
    quota_ns, period_ns, burst_ns = _quota(bundle, home)
    return CellSpec(
        container=state.id,
        bundle_hash=state.bundle_hash(),
        name=wishes.name or state.id[:DEFAULT_NAME_CHARS],
        shared=wishes.name is not None,
        scope=0 if wishes.name is None else _scope(state, home),
        weight=own_weight(bundle, home) if wishes.weight is None else wishes.weight,
        fixed_weight=wishes.weight is not None,
        quota_ns=quota_ns,
        period_ns=period_ns,
        burst_ns=burst_ns,
        allowed=_allowed(bundle, home),
        exec_allowed=bundle.exec_final,
        own_count=wishes.own_count,
        own_list=wishes.own_list,
        lend=wishes.lend,
        borrow=wishes.borrow,
    )


def _scope(state: ContainerState, home: Cgroup) -> int:
    """Return whose the name of a shared cell is."""
    scope = state.policy.shared_scope
    if scope == SCOPE_HOST:
        return 0
    value = state.annotations.get(scope.removeprefix(SCOPE_ANNOTATION))
    if scope == SCOPE_PARENT or value is None:
        return home.parent_cgid()
    from _blake2 import blake2b  # `hashlib` takes OpenSSL along

    # Nobody finds a value that has the number of another one.
    digest = blake2b(value.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") or 1


def own_weight(bundle: Bundle, home: Cgroup) -> int:
    """Return the weight that a container has without an annotation."""
    # Reads 1 while cpu.idle is set (0 before 6.12), as idle a weight as there is.
    found = weight_from_cgroup(home.read("cpu.weight"))
    if found is not None:
        return found
    if bundle.idle == 1:
        return OCIHOOK_WEIGHT_MIN
    if bundle.weight is not None:
        return bundle.weight
    if bundle.shares:
        return weight_from_shares(bundle.shares)
    return OCIHOOK_WEIGHT_DEFAULT


def _quota(bundle: Bundle, home: Cgroup) -> tuple[int, int, int]:
    """Return quota, period and burst in nanoseconds; a quota of 0 is no limit.

    config.json speaks where the cgroup does not: the cpu controller is off.
    """
    limit = home.read("cpu.max")
    found = quota_from_cgroup(limit, home.read("cpu.max.burst")) if limit else None
    if found is not None:
        return found
    return quota_from_us(bundle.quota_us or 0, bundle.period_us or 0, bundle.burst_us or 0)


def _allowed(bundle: Bundle, home: Cgroup) -> int:
    """Return the cpumask of the container's cpuset, or 0 when it has none of its own."""
    if not home.read("cpuset.cpus") and not bundle.cpus:
        return 0
    text = home.read("cpuset.cpus.effective")
    if text:
        try:
            return cpulist.parse(text)
        except CpulistError:
            return 0  # more CPUs than the ABI can name: the kernel confines them anyway
    return bundle.cpus
