# SPDX-License-Identifier: Apache-2.0
"""``linux.resources.unified``: files of the cgroup, which runtimes write as they are named."""

import re
from collections.abc import Iterator
from typing import Any

from ocihook import control_file
from ocihook.errors import InputError
from ocihook.hook.bundle import Bundle
from ocihook.validate.finding import Finding, error, member
from ocihook.validate.resources import has_pages_of

_UNIFIED = ("linux", "resources", "unified")

_PARTITIONS = ("member", "root", "isolated")

_CONTROLLERS = frozenset(
    ("cgroup", "cpu", "cpuset", "dmem", "hugetlb", "io", "memory", "misc", "perf_event", "pids",
     "rdma")
)  # fmt: skip
"""And ``cgroup``, whose files each cgroup has."""

_FILES: dict[str, tuple[str, ...]] = {
    "cgroup": ("freeze", "kill", "max.depth", "max.descendants", "pressure", "procs",
               "subtree_control", "threads", "type"),
    "cpu": ("weight", "weight.nice", "max", "max.burst", "idle", "pressure", "uclamp.min",
            "uclamp.max"),
    "cpuset": ("cpus", "cpus.exclusive", "cpus.partition", "mems"),
    "dmem": ("low", "max", "min"),
    "memory": ("high", "low", "max", "min", "oom.group", "peak", "pressure", "reclaim", "swap.high",
               "swap.max", "swap.peak", "zswap.max", "zswap.writeback"),
    "misc": ("max",),
    "perf_event": (),
    "pids": ("max",),
    "rdma": ("max",),
}  # fmt: skip
"""What can be written (Documentation/admin-guide/cgroup-v2.rst), of the controllers that we know.
Not each is in every kernel."""

_BYTES = re.compile(r"\s*(max|(0[xX][0-9a-fA-F]+|[0-9]+)[kKmMgGtTpPeE]?)\s*", re.ASCII)
"""mm/page_counter.c, page_counter_memparse."""

_COUNT = re.compile(r"\s*(max|\+?(0[xX][0-9a-fA-F]{1,6}|[0-9]{1,7}))\s*", re.ASCII)
"""kernel/cgroup/pids.c, pids_max_write; at most PID_MAX_LIMIT, of seven digits."""

_PERCENT = re.compile(r"\s*(max|100(\.0{0,2})?|[0-9]{1,2}(\.[0-9]{0,2})?)\s*", re.ASCII)
"""kernel/sched/core.c, capacity_from_percent."""

_OF_BYTES = tuple(
    f"memory.{name}" for name in ("high", "low", "max", "min", "swap.high", "swap.max", "zswap.max")
)


def check(document: Any, bundle: Bundle) -> Iterator[Finding]:
    """Yield what is wrong with the names, and with values that the hook does not read."""
    unified: dict[str, Any] = member(document, dict, *_UNIFIED) or {}
    for key in unified:
        controller, dot, file = key.partition(".")
        if "/" in key:
            yield error("a name with a / in it: runtimes refuse it", *_UNIFIED, key)
        elif not dot:
            yield error("no CONTROLLER.FILE: runtimes refuse it", *_UNIFIED, key)
        elif controller not in _CONTROLLERS:
            yield error(f"{controller[:64]!a} is no controller of cgroup v2", *_UNIFIED, key)
        elif file not in _FILES.get(controller, (file,)):
            yield error("no file of cgroup v2 that can be written", *_UNIFIED, key)
        elif controller == "hugetlb" and not has_pages_of(file.partition(".")[0]):
            yield error("no huge pages of that size here", *_UNIFIED, key)
        elif text := member(unified, str, key):  # runtimes write nothing where it is empty
            yield from _value(key, text)
    yield from _of_the_kernel(unified, bundle)


def _value(key: str, text: str) -> Iterator[Finding]:
    """Yield what the kernel has against the text of a file whose form is simple."""
    shown = repr(text[:64])
    if key in _OF_BYTES and not _BYTES.fullmatch(text):
        yield error(f"{shown} is neither a number of bytes nor max", *_UNIFIED, key)
    elif key == "pids.max" and not _COUNT.fullmatch(text):
        yield error(f"{shown} is neither a number of processes nor max", *_UNIFIED, key)
    elif key in ("cpu.uclamp.min", "cpu.uclamp.max") and not _PERCENT.fullmatch(text):
        yield error(f"{shown} is neither a percentage nor max", *_UNIFIED, key)


def _of_the_kernel(unified: dict[str, Any], bundle: Bundle) -> Iterator[Finding]:
    nice = member(unified, str, "cpu.weight.nice")
    if nice:
        try:
            control_file.nice(nice)
        except InputError as problem:
            yield error(str(problem), *_UNIFIED, "cpu.weight.nice")
    partition = member(unified, str, "cpuset.cpus.partition")
    if partition and partition.strip() not in _PARTITIONS:
        yield error(
            f"{partition[:64]!a} is none of {', '.join(_PARTITIONS)}",
            *_UNIFIED,
            "cpuset.cpus.partition",
        )
    for name in ("cpu.weight", "cpu.weight.nice"):
        text = member(unified, str, name)
        if bundle.idle == 1 and text:
            yield error("the kernel takes no weight while cpu.idle is set", *_UNIFIED, name)
