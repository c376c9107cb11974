# SPDX-License-Identifier: Apache-2.0
"""What stands in the files of a cgroup now: weight, limit and CPUs."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from ocihook import cpuset
from ocihook.cell import CellSpec
from ocihook.cpuset import Cpuset
from ocihook.limits import quota_from_cgroup, weight_from_cgroup


def read_file(directory: str, name: str) -> str | None:
    """Return a control file's text, stripped; None where it is not there or has no answer."""
    try:
        return Path(directory, name).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None


def cpuset_of(cgroups: Iterable[str | None], cgroupfs: str) -> Cpuset:
    """Return the CPUs that any of `cgroups` may use; paths from `cgroupfs`, None for unseen."""
    found = Cpuset()
    for cgroup in cgroups:
        if cgroup is None:
            continue
        directory = cgroupfs + cgroup.rstrip("/")
        one = cpuset.read(partial(read_file, directory), cgroup)
        if one.effective is not None:
            found = Cpuset(one.effective | (found.effective or 0), one.of_root)
    return found


def update_from_files(spec: CellSpec, directory: str) -> None:
    """Bring a cell of a mark to what its cgroup's files say now.

    Engines resize running containers (podman update, the kubelet), and the mark is older than that.
    What an annotation or ``cells set`` has fixed stays.
    """
    weight = weight_from_cgroup(read_file(directory, "cpu.weight"))
    if weight is not None and not spec.fixed_weight:
        spec.weight = weight
    limit = read_file(directory, "cpu.max")
    quota = quota_from_cgroup(limit, read_file(directory, "cpu.max.burst")) if limit else None
    if quota is not None and not spec.fixed_quota:
        spec.quota_ns, spec.period_ns, spec.burst_ns = quota
