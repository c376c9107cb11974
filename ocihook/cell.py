# SPDX-License-Identifier: Apache-2.0
"""What a wanted cell is. It travels as a request to the scheduler and as a mark (ocihook.mark).

On the hook's path.
"""

from ocihook import cpulist
from ocihook.abi import (
    CELL_FIELD_ALLOWED,
    CELL_FIELD_EXEC,
    CELL_FIELD_FLAGS,
    CELL_FIELD_OWN,
    CELL_FIELD_QUOTA,
    CELL_FIELD_WEIGHT,
    CELL_FLAG_FIXED_QUOTA,
    CELL_FLAG_FIXED_WEIGHT,
    CELL_FLAG_NO_BORROW,
    CELL_FLAG_NO_LEND,
    CELL_NOT_SHARED,
    CELL_SHARED_CHANGE,
    CELL_SHARED_JOIN,
    OCIHOOK_CONTAINER_BYTES,
    OCIHOOK_NAME_BYTES,
    OCIHOOK_WEIGHT_DEFAULT,
    OCIHOOK_WEIGHT_MAX,
    OCIHOOK_WEIGHT_MIN,
    CellRequest,
)
from ocihook.errors import InputError

_U64 = (1 << 64) - 1


class CellSpec:
    """One wanted cell: whose it is, and what it may have.

    ``container`` is the id at the runtime, ``bundle_hash`` tells apart equal
    ids of two engines. ``shared``: all containers that give ``name`` are in one
    cell, within a ``scope``, a number of 64 bits. ``weight`` is in the scale of
    cgroup2's ``cpu.weight``; ``quota_ns`` of each ``period_ns``, with
    ``burst_ns``, is that of ``cpu.max``, 0 for no limit. ``fixed_weight`` and
    ``fixed_quota``: somebody named them, so what is written to the cgroup's
    files later does not count.

    ``allowed``, ``exec_allowed``, ``own`` and ``own_list`` are cpumasks, the
    first two with 0 for "no restriction". Of CPUs of its own, ``own_count`` or
    ``own_list`` is what was wished, at most one of them, and ``own`` what was
    granted. ``lend`` and ``borrow``: others may use its own CPUs while they
    are idle, and it those of others.
    """

    __slots__ = (
        "allowed",
        "borrow",
        "bundle_hash",
        "burst_ns",
        "container",
        "exec_allowed",
        "fixed_quota",
        "fixed_weight",
        "lend",
        "name",
        "own",
        "own_count",
        "own_list",
        "period_ns",
        "quota_ns",
        "scope",
        "shared",
        "weight",
    )

    def __init__(
        self,
        *,
        container: str,
        bundle_hash: int,
        name: str,
        shared: bool = False,
        scope: int = 0,
        weight: int = OCIHOOK_WEIGHT_DEFAULT,
        fixed_weight: bool = False,
        quota_ns: int = 0,
        period_ns: int = 0,
        burst_ns: int = 0,
        fixed_quota: bool = False,
        allowed: int = 0,
        exec_allowed: int = 0,
        own: int = 0,
        own_count: int = 0,
        own_list: int = 0,
        lend: bool = True,
        borrow: bool = True,
    ) -> None:
        """Check the bounds of the ABI.

        Raises:
            InputError: when a member does not fit.
        """
        _bounded_text("container id", container, OCIHOOK_CONTAINER_BYTES - 1)
        _bounded_text("cell name", name, OCIHOOK_NAME_BYTES - 1)
        if not OCIHOOK_WEIGHT_MIN <= weight <= OCIHOOK_WEIGHT_MAX:
            raise InputError(f"weight {weight}: not in {OCIHOOK_WEIGHT_MIN}..{OCIHOOK_WEIGHT_MAX}")
        if not 0 <= bundle_hash <= _U64:
            raise InputError(f"bundle hash {bundle_hash:#x}: more than 64 bits")
        if not 0 <= scope <= _U64:
            raise InputError(f"scope {scope:#x}: more than 64 bits")
        for time_ns in (quota_ns, period_ns, burst_ns):
            if not 0 <= time_ns <= _U64:
                raise InputError(f"quota: {time_ns} ns are not in 64 bits")
        if quota_ns and not period_ns:
            raise InputError(f"quota of {quota_ns} ns: in no period")
        if (own_count and own_list) or not 0 <= own_count < cpulist.MAX_CPUS:
            raise InputError(f"{own_count} own CPUs: 1 to {cpulist.MAX_CPUS - 1}, or a list")
        self.container = container
        self.bundle_hash = bundle_hash
        self.name = name
        self.shared = shared
        self.scope = scope
        self.weight = weight
        self.fixed_weight = fixed_weight
        self.quota_ns = quota_ns
        self.period_ns = period_ns
        self.burst_ns = burst_ns
        self.fixed_quota = fixed_quota
        self.allowed = allowed
        self.exec_allowed = exec_allowed
        self.own = own
        self.own_count = own_count
        self.own_list = own_list
        self.lend = lend
        self.borrow = borrow

    def members(self) -> dict[str, object]:
        """Return the members by name, as the constructor takes them."""
        return {name: getattr(self, name) for name in self.__slots__}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CellSpec) and self.members() == other.members()

    def __hash__(self) -> int:
        return hash((self.container, self.bundle_hash))

    def __repr__(self) -> str:
        return (
            f"CellSpec({', '.join(f'{name}={value!r}' for name, value in self.members().items())})"
        )

    def wishes_own(self) -> bool:
        """Tell whether it is to have CPUs of its own."""
        return bool(self.own_count or self.own_list)

    def flags(self) -> int:
        """Return the word of ``enum cell_flag``."""
        return (
            (0 if self.lend else CELL_FLAG_NO_LEND)
            | (0 if self.borrow else CELL_FLAG_NO_BORROW)
            | (CELL_FLAG_FIXED_WEIGHT if self.fixed_weight else 0)
            | (CELL_FLAG_FIXED_QUOTA if self.fixed_quota else 0)
        )

    def request(self, cgid: int, *, joins: bool = False) -> CellRequest:
        """Return the request that makes this the cell of the cgroup `cgid`.

        With `joins` it changes nothing of a shared cell that has other members.

        It carries every field, so that a restriction that is gone is lifted,
        with two exceptions. Own CPUs that are wished are another step, after
        the registration (``ocihook.grant``), and those that the cell has stay.
        And in a shared cell only a wish counts: that one container names no
        weight does not undo what another one named. Nor does it carry the
        CPUs of one container, which would be those of all: each task's own
        affinity holds in any case.
        """
        fields = 0 if self.shared else CELL_FIELD_ALLOWED | CELL_FIELD_EXEC
        flags = self.flags()
        if not self.shared or self.fixed_weight or self.weight != OCIHOOK_WEIGHT_DEFAULT:
            fields |= CELL_FIELD_WEIGHT
        if not self.shared or self.fixed_quota or self.quota_ns:
            fields |= CELL_FIELD_QUOTA
        if not self.shared or flags:
            fields |= CELL_FIELD_FLAGS
        if not self.shared and not self.wishes_own():
            fields |= CELL_FIELD_OWN
        return CellRequest(
            cgid=cgid,
            bundle_hash=self.bundle_hash,
            weight=self.weight,
            quota_ns=self.quota_ns,
            period_ns=self.period_ns,
            burst_ns=self.burst_ns,
            fields=fields,
            flags=flags,
            shared=self._how_shared(joins),
            scope=self.scope,
            allowed=cpulist.to_words(self.allowed),
            exec_allowed=cpulist.to_words(self.exec_allowed),
            name=self.name.encode(),
            container=self.container.encode(),
        )

    def _how_shared(self, joins: bool) -> int:
        if not self.shared:
            return CELL_NOT_SHARED
        return CELL_SHARED_JOIN if joins else CELL_SHARED_CHANGE


def _bounded_text(what: str, text: str, limit_bytes: int) -> None:
    try:
        size_bytes = len(text.encode())
    except UnicodeEncodeError:
        raise InputError(f"{what} {text[:64]!a}: not valid Unicode") from None
    if not 0 < size_bytes <= limit_bytes:
        raise InputError(f"{what} of {size_bytes} bytes: 1 to {limit_bytes} are allowed")
    if "\0" in text:
        raise InputError(f"{what} {text[:64]!a}: contains a NUL")
