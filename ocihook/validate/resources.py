# SPDX-License-Identifier: Apache-2.0
"""Resources, ``intelRdt`` and ``memoryPolicy``: what runtimes do not start on cgroup v2.

Held against runc 1.1.15 and 1.3.6 and crun 1.21 and 1.28 (tests/guest/test_validate.py). CPUs and
CPU time have a module of their own.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ocihook import cpulist
from ocihook.errors import CpulistError
from ocihook.validate import machine
from ocihook.validate.finding import Finding, error, items, member

SYS = Path("/sys")

_RESOURCES = ("linux", "resources")
_MEMORY = (*_RESOURCES, "memory")

_OF_V1 = "has no counterpart in cgroup v2: crun does not start it, runc leaves it out"

_PIDS_MAX = 1 << 22
"""include/linux/threads.h, PID_MAX_LIMIT."""

_PAGE_SIZE = re.compile(r"([1-9][0-9]{0,8})([KMG])B")
_KIB = {"K": 1, "M": 1 << 10, "G": 1 << 20}

_MODES = frozenset(
    f"MPOL_{name}"
    for name in ("DEFAULT", "BIND", "INTERLEAVE", "WEIGHTED_INTERLEAVE", "PREFERRED",
                 "PREFERRED_MANY", "LOCAL")
)  # fmt: skip
"""runtime-spec 1.3, config-linux.md, Memory Policy."""

_THROTTLES = (
    "throttleReadBpsDevice",
    "throttleWriteBpsDevice",
    "throttleReadIOPSDevice",
    "throttleWriteIOPSDevice",
)


def check(document: Any) -> Iterator[Finding]:
    """Yield what is wrong with the resources of a config.json, but for CPUs and CPU time."""
    yield from _memory(document)
    pids = member(document, int, *_RESOURCES, "pids", "limit")
    if pids is not None and pids > _PIDS_MAX:
        yield error(f"{pids}: the kernel takes {_PIDS_MAX} or less", *_RESOURCES, "pids", "limit")
    elif pids is not None and pids < -1:
        yield error(f"{pids}: runc does not start it; -1 is none", *_RESOURCES, "pids", "limit")
    for index, limit in items(document, *_RESOURCES, "hugepageLimits"):
        size = member(limit, str, "pageSize")
        if size is not None and not has_pages_of(size):
            yield error(
                f"no huge pages of {size[:64]!a} here",
                *(*_RESOURCES, "hugepageLimits", index, "pageSize"),
            )
    yield from _block_io(document)
    for name in member(document, dict, *_RESOURCES, "rdma") or {}:
        if "/" in name or not (SYS / "class/infiniband" / name).exists():
            yield error("no such device here: runc does not start it", *_RESOURCES, "rdma", name)
    if member(document, dict, *_RESOURCES, "network") is not None:
        yield error(_OF_V1, *_RESOURCES, "network")
    for index, device in items(document, *_RESOURCES, "devices"):
        kind = member(device, str, "type")
        if kind and kind not in ("a", "b", "c"):
            yield error(
                f"{kind[:64]!a} is none of a, b, c: runc does not start it",
                *(*_RESOURCES, "devices", index, "type"),
            )
    yield from _memory_policy(document)
    wants_rdt = member(document, dict, "linux", "intelRdt") is not None
    if wants_rdt and not (SYS / "fs/resctrl/schemata").exists():
        yield error(
            "resctrl is not mounted here: crun does not start it, nor does runc with a schema",
            *("linux", "intelRdt"),
        )


def _memory_policy(document: Any) -> Iterator[Finding]:
    place = ("linux", "memoryPolicy")
    mode = member(document, str, *place, "mode")
    if mode is not None and mode not in _MODES:
        yield error(f"{mode[:64]!a} is unknown: crun 1.28 does not start it", *place, "mode")
    try:
        nodes = cpulist.parse(member(document, str, *place, "nodes") or "")
    except CpulistError:
        return  # in a form of the kernel's
    if missing := nodes & ~machine.read().nodes:
        yield error(f"no such NUMA nodes here: {cpulist.format(missing)}", *place, "nodes")


def has_pages_of(size: str) -> bool:
    """Tell whether this machine has huge pages of a size, such as ``2MB``."""
    found = _PAGE_SIZE.fullmatch(size)
    if found is None:
        return False
    kib = int(found[1]) * _KIB[found[2]]
    return (SYS / f"kernel/mm/hugepages/hugepages-{kib}kB").exists()


def _memory(document: Any) -> Iterator[Finding]:
    limit, swap = (member(document, int, *_MEMORY, name) for name in ("limit", "swap"))
    if limit is not None and limit < -1:
        yield error(f"{limit}: runc does not start it; -1 is none", *_MEMORY, "limit")
    if limit == 0:
        yield error("0: crun gives it no memory, runc takes it for no limit", *_MEMORY, "limit")
    if swap is not None and swap < -1:
        yield error(f"{swap}: runc does not start it; -1 is none", *_MEMORY, "swap")
    if swap and swap > 0:
        # It is both together (runtime-spec, config-linux.md, Memory).
        if not limit or limit < 0:
            yield error(
                "memory and swap together: runtimes want a limit of memory beside it",
                *(*_MEMORY, "swap"),
            )
        elif swap < limit:
            yield error("memory and swap together: less than the limit of memory", *_MEMORY, "swap")
    memory = member(document, dict, *_MEMORY) or {}
    for name in ("kernel", "kernelTCP", "swappiness", "disableOOMKiller", "useHierarchy"):
        if (value := memory.get(name)) is not None and value is not False:
            yield error(_OF_V1, *_MEMORY, name)


def _block_io(document: Any) -> Iterator[Finding]:
    place = (*_RESOURCES, "blockIO")
    weight = member(document, int, *place, "weight")
    if weight and not 10 <= weight <= 1000:
        yield error(f"{weight}: runtimes take 10 to 1000", *place, "weight")
    if member(document, int, *place, "leafWeight"):
        yield error(_OF_V1, *place, "leafWeight")
    for name in _THROTTLES:
        for index, device in items(document, *place, name):
            major, minor = member(device, int, "major"), member(device, int, "minor")
            if major is None or minor is None:
                continue  # the schema says so
            # blkg_conf_open_bdev(): a partition has none of its own.
            number = SYS / "dev/block" / f"{major}:{minor}"
            if not number.exists() or os.path.exists(number / "partition"):
                yield error(f"no block device {major}:{minor} here", *place, name, index)
