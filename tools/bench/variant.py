# SPDX-License-Identifier: Apache-2.0
"""Variants: the ways to keep groups out of each other's CPU time that are compared."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ocihook import cpulist
from ocihook.abi import (
    CELL_FIELD_FLAGS,
    CELL_FIELD_OWN,
    CELL_FIELD_QUOTA,
    CELL_FIELD_WEIGHT,
    CELL_FLAG_FIXED_QUOTA,
    CELL_FLAG_FIXED_WEIGHT,
    CELL_FLAG_NO_LEND,
    CellRequest,
)

PERIOD_US = 100_000
"""The period of every quota: cpu.max's default."""


class Want(NamedTuple):
    """What a group is to have, be it by the cgroup's own files or by a cell."""

    weight: int = 100
    cpuset: str = ""
    quota_us: int = 0
    own: str = ""
    lend: bool = True


class Variant(NamedTuple):
    """A way to keep groups out of each other's CPU time; one :class:`Want` a group."""

    name: str
    ocihook: bool
    wants: tuple[Want, ...]


def cell_request(path: Path, want: Want) -> CellRequest:
    """Return the request for the cell that gives the cgroup at ``path`` what it wants."""
    name = path.name.encode()
    flags = CELL_FLAG_FIXED_WEIGHT | (0 if want.lend else CELL_FLAG_NO_LEND)
    if want.quota_us:
        flags |= CELL_FLAG_FIXED_QUOTA  # cpu.max, which says "max", shall not lift it
    return CellRequest(
        cgid=path.stat().st_ino,
        weight=want.weight,
        fields=CELL_FIELD_WEIGHT | CELL_FIELD_OWN | CELL_FIELD_QUOTA | CELL_FIELD_FLAGS,
        own=cpulist.to_words(cpulist.parse(want.own)),
        quota_ns=want.quota_us * 1000,
        period_ns=PERIOD_US * 1000 if want.quota_us else 0,
        flags=flags,
        name=name,
        container=name,
    )
