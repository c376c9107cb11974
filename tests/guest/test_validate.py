# SPDX-License-Identifier: Apache-2.0
"""`ocihook validate` beside the real runtimes: a document that one of them refuses is an error."""

from __future__ import annotations

import copy
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bundle import TIMEOUT_S, config

from ocihook.validate.report import validate

pytestmark = pytest.mark.runtime

Document = dict[str, Any]


def resources(**members: object) -> Callable[[Document], object]:
    return lambda document: document["linux"]["resources"].update(members)


BOTH = frozenset(("runc", "crun"))
CRUN, RUNC = frozenset(("crun",)), frozenset(("runc",))
DISK = {"major": 99, "minor": 99, "rate": 1_000_000}
REFUSED: dict[str, tuple[frozenset[str], Callable[[Document], object]]] = {
    "root": (BOTH, lambda document: document.pop("root")),
    "mounts": (BOTH, lambda document: document.pop("mounts")),
    "quota": (BOTH, resources(cpu={"quota": 1 << 44})),
    "cpus": (BOTH, resources(cpu={"cpus": "0-1000"})),
    "realtime": (CRUN, resources(cpu={"realtimePeriod": 1000})),
    "nice": (BOTH, resources(unified={"cpu.weight.nice": "30"})),
    "no file": (BOTH, resources(unified={"cpu.rt.max": "1"})),
    "env": (RUNC, lambda document: document["process"]["env"].append("PATH")),
    "swap alone": (BOTH, resources(memory={"swap": 1 << 30})),
    "little swap": (BOTH, resources(memory={"limit": 1 << 30, "swap": 1 << 20})),
    "no memory": (CRUN, resources(memory={"limit": 0})),
    "below -1": (RUNC, resources(memory={"limit": -2})),
    "swappiness": (CRUN, resources(memory={"swappiness": 0})),
    "oom killer": (CRUN, resources(memory={"disableOOMKiller": True})),
    "hierarchy": (CRUN, resources(memory={"useHierarchy": True})),
    "kernel memory": (CRUN, resources(memory={"kernel": 1 << 28})),
    "pids": (BOTH, resources(pids={"limit": 1 << 23})),
    "pids below -1": (RUNC, resources(pids={"limit": -2})),
    "pages": (BOTH, resources(hugepageLimits=[{"pageSize": "3MB", "limit": 0}])),
    "io weight": (BOTH, resources(blockIO={"weight": 5})),
    "leaf weight": (CRUN, resources(blockIO={"leafWeight": 500})),
    "no disk": (BOTH, resources(blockIO={"throttleReadBpsDevice": [DISK]})),
    "network": (CRUN, resources(network={})),
    "rdma": (RUNC, resources(rdma={"mlx5_1": {"hcaHandles": 3}})),
    "device": (RUNC, resources(devices=[{"allow": True, "type": "z", "access": "r"}])),
    "resctrl": (CRUN, lambda document: document["linux"].update(intelRdt={})),
    "selinux": (BOTH, lambda document: document["process"].update(selinuxLabel="x")),
    "mount label": (RUNC, lambda document: document["linux"].update(mountLabel="x")),
    "uclamp": (BOTH, resources(unified={"cpu.uclamp.min": "200"})),
    "no memory file": (BOTH, resources(unified={"memory.nope": "1"})),
    "memory": (BOTH, resources(unified={"memory.max": "abc"})),
    "processes": (BOTH, resources(unified={"pids.max": "-5"})),
    "unified pages": (BOTH, resources(unified={"hugetlb.3MB.max": "0"})),
}
"""By what is wrong: the runtimes that do not start it."""


def test_what_a_runtime_refuses_is_an_error(runtime: str, tmp_path: Path) -> None:
    (tmp_path / "rootfs" / "usr").mkdir(parents=True)
    for link in ("bin", "lib", "lib64", "sbin"):
        (tmp_path / "rootfs" / link).symlink_to(f"usr/{link}")
    sound = config("validated", ("/bin/true",), hooks={})

    def starts(document: Document) -> bool:
        (tmp_path / "config.json").write_text(json.dumps(document))
        done = subprocess.run(
            [runtime, "run", f"--bundle={tmp_path}", "validated"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        return done.returncode == 0

    assert starts(sound)
    assert validate(tmp_path)["errors"] == 0
    empty = copy.deepcopy(sound)
    resources(unified={"cpu.max": "", "cpu.weight": ""})(empty)
    assert starts(empty)
    assert validate(tmp_path)["errors"] == 0
    for name, (by, spoil) in REFUSED.items():
        document = copy.deepcopy(sound)
        spoil(document)
        assert starts(document) == (runtime not in by), name
        assert validate(tmp_path)["errors"] == 1, name
