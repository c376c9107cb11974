# SPDX-License-Identifier: Apache-2.0
"""Resources but for CPUs; tests/guest/test_validate.py has the real runtimes beside it."""

from pathlib import Path
from typing import Any

import pytest

from ocihook.validate import machine, resources
from ocihook.validate.machine import Machine
from ocihook.validate.report import findings

V1 = "has no counterpart in cgroup v2: crun does not start it, runc leaves it out"


@pytest.fixture(autouse=True)
def sysfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of one disk with a partition, and huge pages of 2 MB."""
    (tmp_path / "kernel/mm/hugepages/hugepages-2048kB").mkdir(parents=True)
    (tmp_path / "dev/block/8:0").mkdir(parents=True)
    (tmp_path / "dev/block/8:1").mkdir()
    (tmp_path / "dev/block/8:1/partition").write_text("1\n")
    monkeypatch.setattr(resources, "SYS", tmp_path)
    return tmp_path


def said(**linux: Any) -> list[tuple[str, str]]:
    """Return pointers, those of resources from there, and messages; each is an error."""
    document = {
        "ociVersion": "1.2.0", "process": {"cwd": "/", "args": ["true"]}, "root": {"path": "/"},
        "mounts": [], "linux": {"namespaces": [{"type": "cgroup"}], **linux},
    }  # fmt: skip
    found = findings("config", document)
    assert {each.severity for each in found} <= {"error"}
    return [(each.pointer.removeprefix("/linux/resources/"), each.message) for each in found]


@pytest.mark.parametrize(
    ("members", "pointer", "message"),
    [
        ({"memory": {"swap": 5}}, "memory/swap", "runtimes want a limit of memory beside it"),
        ({"memory": {"swap": 5, "limit": -1}}, "memory/swap", "want a limit of memory"),
        ({"memory": {"swap": 5, "limit": 6}}, "memory/swap", "less than the limit of memory"),
        ({"memory": {"limit": 0}}, "memory/limit", "0: crun gives it no memory"),
        ({"memory": {"limit": -2}}, "memory/limit", "-2: runc does not start it; -1 is none"),
        ({"memory": {"limit": 5, "swap": -2}}, "memory/swap", "-2: runc does not start it"),
        *(({"memory": {name: value}}, f"memory/{name}", V1)
          for name, value in (("kernel", 1), ("kernelTCP", 1), ("swappiness", 0),
                              ("disableOOMKiller", True), ("useHierarchy", True))),
        ({"pids": {"limit": -2}}, "pids/limit", "-2: runc does not start it"),
        ({"pids": {"limit": 4194305}}, "pids/limit", "the kernel takes 4194304 or less"),
        *(({"hugepageLimits": [{"pageSize": size, "limit": 0}]}, "hugepageLimits/0/pageSize",
           f"no huge pages of '{size}' here") for size in ("3MB", "1GB", "x", "2mb")),
        ({"blockIO": {"weight": 9}}, "blockIO/weight", "9: runtimes take 10 to 1000"),
        ({"blockIO": {"weight": 1001}}, "blockIO/weight", "1001: runtimes take 10 to 1000"),
        ({"blockIO": {"leafWeight": 500}}, "blockIO/leafWeight", V1),
        *(({"blockIO": {"throttleReadBpsDevice": [{"major": 8, "minor": minor, "rate": 5}]}},
           "blockIO/throttleReadBpsDevice/0", f"no block device 8:{minor} here")
          for minor in (1, 9)),
        ({"network": {}}, "network", V1),
        ({"devices": [{"allow": True, "type": "z"}]}, "devices/0/type", "none of a, b, c"),
        ({"rdma": {"mlx5_1": {"hcaHandles": 3}}}, "rdma/mlx5_1", "no such device here"),
    ],
)  # fmt: skip
def test_resources(members: dict[str, Any], pointer: str, message: str) -> None:
    ((where, what),) = said(resources=members)
    assert where == pointer
    assert message in what


@pytest.mark.parametrize(
    "members",
    [
        {"memory": {"swap": -1}}, {"memory": {"limit": 5, "swap": 5, "reservation": 9}},
        {"memory": {"limit": -1, "swap": 0, "disableOOMKiller": False, "useHierarchy": False}},
        {"pids": {"limit": -1}}, {"pids": {"limit": 4194304}}, {"rdma": {}},
        {"hugepageLimits": [{"pageSize": "2MB", "limit": 0}]},
        {"blockIO": {"weight": 10}}, {"blockIO": {"weight": 1000}},
        {"blockIO": {"throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 5}]}},
        {"devices": [{"allow": True}, {"allow": False, "type": "a"}]},
    ],
)  # fmt: skip
def test_what_nothing_is_said_of(members: dict[str, Any]) -> None:
    assert said(resources=members) == []


def test_resctrl_has_to_be_mounted(sysfs: Path) -> None:
    ((where, what),) = said(intelRdt={})
    assert where == "/linux/intelRdt"
    assert what.startswith("resctrl is not mounted here: ")
    (sysfs / "fs/resctrl").mkdir(parents=True)
    (sysfs / "fs/resctrl/schemata").touch()
    assert said(intelRdt={"l3CacheSchema": "L3:0=f"}) == []


@pytest.mark.parametrize(
    ("policy", "pointer", "message"),
    [
        ({"mode": "X", "nodes": "0"}, "mode", "'X' is unknown: crun 1.28 does not start it"),
        ({"mode": "MPOL_BIND", "nodes": "0,5"}, "nodes", "no such NUMA nodes here: 5"),
    ],
)
def test_memory_policy(
    policy: dict[str, str], pointer: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "read", lambda: Machine(online=1, nodes=1))
    assert said(memoryPolicy=policy) == [(f"/linux/memoryPolicy/{pointer}", message)]
    assert said(memoryPolicy={"mode": "MPOL_BIND", "nodes": "0"}) == []


NO_FILE = "no file of cgroup v2 that can be written"


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("memory.nope", "1", NO_FILE),
        ("memory.current", "1", NO_FILE),
        ("pids.nope", "1", NO_FILE),
        ("cgroup.nope", "1", NO_FILE),
        ("perf_event.x", "1", NO_FILE),
        ("misc.current", "1", NO_FILE),
        ("hugetlb.3MB.max", "0", "no huge pages of that size here"),
        ("memory.max", "abc", "'abc' is neither a number of bytes nor max"),
        ("memory.swap.max", "-1", "'-1' is neither a number of bytes nor max"),
        ("pids.max", "-5", "'-5' is neither a number of processes nor max"),
        ("pids.max", "\u0663", "is neither a number of processes nor max"),
        ("cpu.uclamp.min", "200", "'200' is neither a percentage nor max"),
        ("cpu.uclamp.max", "100.5", "'100.5' is neither a percentage nor max"),
    ],
)
def test_unified(key: str, text: str, message: str) -> None:
    ((where, what),) = said(resources={"unified": {key: text}})
    assert where == f"unified/{key}"
    assert message in what


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("memory.max", "max"), ("memory.high", "0x10K"), ("memory.low", " 1M\n"),
        ("memory.max", ""), ("pids.max", "max\n"), ("pids.max", "50"), ("cpu.uclamp.min", "10.5"),
        ("cpu.uclamp.max", "max"), ("cpu.uclamp.max", "100.00"), ("hugetlb.2MB.max", "0"),
        ("hugetlb.2MB.rsvd.max", "0"), ("cgroup.freeze", "0"), ("io.max", "8:0 rbps=1"),
    ],
)  # fmt: skip
def test_unified_that_is_sound(key: str, text: str) -> None:
    assert said(resources={"unified": {key: text}}) == []
