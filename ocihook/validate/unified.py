# SPDX-License-Identifier: Apache-2.0
"""``linux.resources.unified``: files of the cgroup, which runtimes write as they are named."""

from collections.abc import Iterator
from typing import Any

from ocihook import control_file
from ocihook.errors import InputError
from ocihook.hook.bundle import Bundle
from ocihook.validate.finding import Finding, error, member

_UNIFIED = ("linux", "resources", "unified")

_PARTITIONS = ("member", "root", "isolated")

_CONTROLLERS = frozenset(
    ("cgroup", "cpu", "cpuset", "dmem", "hugetlb", "io", "memory", "misc", "perf_event", "pids",
     "rdma")
)  # fmt: skip
"""And ``cgroup``, whose files each cgroup has."""

_FILES = {
    "cpu": ("weight", "weight.nice", "max", "max.burst", "idle", "pressure", "uclamp.min",
            "uclamp.max"),
    "cpuset": ("cpus", "cpus.exclusive", "cpus.partition", "mems"),
}  # fmt: skip
"""What can be written (Documentation/admin-guide/cgroup-v2.rst), of the controllers that we know.
``uclamp`` is not in every kernel."""


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
