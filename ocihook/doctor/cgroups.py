# SPDX-License-Identifier: Apache-2.0
"""cgroup2: whether it is the only one that schedules, and what its root can give."""

from collections.abc import Iterator

from ocihook import mountinfo, procfs
from ocihook.doctor.finding import Finding, Topic
from ocihook.doctor.host import Host, reason
from ocihook.paths import CGROUPFS

TOPIC = Topic("cgroups")

UNIFIED = "boot with the unified hierarchy: systemd.unified_cgroup_hierarchy=1"

INITIAL_NAMESPACE = "cgroup:[4026531835]"
"""include/linux/proc_ns.h, PROC_CGROUP_INIT_INO."""

SCHEDULING = ("cpu", "cpuset")
"""The controllers that must not be on v1: the hook refuses a container there."""


def check(host: Host) -> Iterator[Finding]:
    """Look at the layout, the controllers and the namespace."""
    try:
        table = mountinfo.read(host.mountinfo)
    except OSError as error:
        yield TOPIC.skipped("layout", f"/proc/self/mountinfo: {reason(error)}", "mount /proc")
        return
    layout = _layout(table)
    yield layout
    if layout.verdict != "error":
        yield from _controllers(host)
    namespace = _namespace(host)
    if namespace:
        yield namespace


def _layout(table: mountinfo.MountTable) -> Finding:
    v1 = table.of_kind("cgroup")
    v2 = [each.point for each in table.of_kind("cgroup2")]
    found, cover = table.at(CGROUPFS), table.holding(CGROUPFS)
    scheduling = [name for name in SCHEDULING if any(name in each.options for each in v1)]
    if found is not None and found.kind == "cgroup2" and not scheduling:
        if v1:
            # Some VPNs mount net_cls; it does no harm.
            where = ", ".join(each.point for each in v1)
            return TOPIC.note("layout", f"{CGROUPFS} is cgroup2; cgroup v1 is also at {where}")
        return TOPIC.ok("layout", f"{CGROUPFS} is cgroup2, and there is no other")
    if cover is not None and table.covered_at(CGROUPFS, "cgroup2") and not scheduling:
        return TOPIC.error(
            "layout",
            f"/proc/self/mountinfo: {cover.kind} at {cover.point} covers the cgroup2 at {CGROUPFS}",
            f"umount {cover.point}",
        )
    if not v1 and not v2:
        return TOPIC.error("layout", "no cgroup file system is mounted", UNIFIED)
    kind = f"hybrid: cgroup2 is at {', '.join(v2)}" if v2 else "cgroup v1 alone"
    beside = f", {' and '.join(scheduling)} on v1" if scheduling else ""
    return TOPIC.error(
        "layout", f"/proc/self/mountinfo: {kind}{beside}; containers get no cells there", UNIFIED
    )


def _controllers(host: Host) -> Iterator[Finding]:
    there = host.text(f"{CGROUPFS}/cgroup.controllers")
    if there is None:
        yield TOPIC.skipped("controllers", f"{CGROUPFS}/cgroup.controllers: not to be read")
        return
    missing = [name for name in SCHEDULING if name not in procfs.words(there)]
    if missing:
        yield TOPIC.warning(
            "controllers",
            f"{CGROUPFS}/cgroup.controllers: no {' and no '.join(missing)}; cells then go by"
            " annotations and config.json",
            "look for cgroup_disable= in /proc/cmdline, and for controllers mounted as v1",
        )
        return
    passed_on = procfs.words(host.text(f"{CGROUPFS}/cgroup.subtree_control") or "")
    off = [name for name in SCHEDULING if name not in passed_on]
    if off:
        yield TOPIC.note(
            "controllers",
            f"{CGROUPFS}/cgroup.subtree_control: {' and '.join(off)} off until somebody needs it;"
            " without, a cell goes by annotations and config.json",
        )
    else:
        yield TOPIC.ok("controllers", f"{CGROUPFS}/cgroup.subtree_control: cpu and cpuset are on")


def _namespace(host: Host) -> Finding | None:
    link = host.path("/proc/self/ns/cgroup")
    try:
        namespace = str(link.readlink())
    except OSError:
        return None
    if namespace == INITIAL_NAMESPACE:
        return TOPIC.ok("namespace", "/proc/self/ns/cgroup: the host's")
    return TOPIC.note(
        "namespace",
        f"/proc/self/ns/cgroup: {namespace} is a container's; a scheduler started here gives cells"
        " to cgroups below it alone",
        "run this command on the host",
    )
