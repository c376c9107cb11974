# SPDX-License-Identifier: Apache-2.0
"""What versions of runtimes and engines are known for. Data, each with where it is reported."""

from typing import NamedTuple

Version = tuple[int, int, int]


class Quirk(NamedTuple):
    """Something that versions from ``since`` on and before ``fixed`` do.

    ``fixed`` is None where no release is known that does not. ``harm``: containers miss their cell
    by it, in a set-up that is not rare.
    """

    program: str
    since: Version
    fixed: Version | None
    harm: bool
    text: str
    mend: str
    reported: str


QUIRKS = (
    Quirk(
        "runc", (0, 0, 0), (1, 5, 2), False,
        "runs poststart in `create`, before the container's own process", "",
        "opencontainers/runc #4347, pull request 5186",
    ),
    Quirk(
        "runc", (0, 0, 0), (1, 3, 2), False,
        "turns cpu.shares into cpu.weight by the old formula: 1024 shares are a weight of 39",
        "set org.ocihook/weight, or upgrade to 1.3.2", "opencontainers/cgroups v0.0.4",
    ),
    Quirk(
        "runc", (0, 0, 0), (1, 3, 0), False,
        "does not know process.execCPUAffinity; the cell applies `final` of it", "",
        "runtime-spec pull requests 1253 and 1261",
    ),
    Quirk(
        "runc", (0, 0, 0), (1, 2, 7), False,
        "lets a container inherit a narrow CPU mask of its engine, which the cell cannot widen",
        "upgrade to 1.2.7 or 1.3.1", "opencontainers/runc #4041 and #4815, pull request 4858",
    ),
    Quirk(
        "runc", (1, 3, 0), (1, 3, 1), False,
        "lets a container inherit a narrow CPU mask of its engine, which the cell cannot widen",
        "upgrade to 1.3.1", "opencontainers/runc #4041 and #4815, pull request 4858",
    ),
    Quirk(
        "runc", (1, 2, 0), None, False,
        "does not start a container that has both cpu.idle = 1 and shares (seen with 1.3.6)",
        "leave the shares out", "",
    ),
    Quirk(
        "crun", (0, 0, 0), (1, 17, 0), False,
        "fails a container whose hook leaves its input unread; ours reads it, others may not", "",
        "containers/crun #1551",
    ),
    Quirk(
        "crun", (0, 0, 0), (1, 9, 2), False,
        "lets a container inherit a narrow CPU mask of its engine, which the cell cannot widen",
        "upgrade to 1.9.2", "OCPBUGS-15102",
    ),
    Quirk(
        "crun", (0, 0, 0), (1, 23, 0), False,
        "turns cpu.shares into cpu.weight by the old formula: 1024 shares are a weight of 39",
        "set org.ocihook/weight, or upgrade to 1.23", "containers/crun 1.23",
    ),
    Quirk(
        "crun", (1, 27, 0), (1, 29, 2), True,
        "names / as the bundle of podman's containers with a user namespace: no config.json there",
        "upgrade beyond 1.29.1", "containers/crun #2025, pull requests 2261 and 2263",
    ),
    Quirk(
        "podman", (0, 0, 0), (5, 6, 0), False,
        "forgets --hooks-dir when it restarts or cleans up a container",
        "name the directory in hooks_dir of containers.conf, or upgrade to 5.6",
        "containers/podman #17935, pull request 26127",
    ),
    Quirk(
        "podman", (0, 0, 0), (3, 1, 1), False,
        "runs poststop twice with --rm; the second finds nothing to do", "",
        "containers/podman #9983 and #10000",
    ),
    Quirk(
        "podman", (4, 0, 0), None, False,
        "copies no annotations in `container clone`, and writes ones in `kube generate` that its"
        " own `kube play` refuses",
        "see docs/howto-podman.md: what podman does by itself", "",
    ),
    Quirk(
        "crio", (0, 0, 0), None, False,
        "runs poststop when the container is removed, minutes after its end; the cell is freed with"
        " the cgroup before", "", "cri-o/cri-o #9732",
    ),
    Quirk(
        "containerd", (0, 0, 0), None, False,
        "reads no hooks.d, so its containers get no cells by themselves",
        "write the hooks into a base_runtime_spec", "",
    ),
    Quirk(
        "dockerd", (0, 0, 0), None, False,
        "reads no hooks.d, so its containers get no cells", "run them with podman", "",
    ),
)  # fmt: skip


def known(program: str, version: Version) -> list[Quirk]:
    """Return what a version of a program is known for."""
    return [
        quirk
        for quirk in QUIRKS
        if quirk.program == program
        and quirk.since <= version
        and (quirk.fixed is None or version < quirk.fixed)
    ]
