# SPDX-License-Identifier: Apache-2.0
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ocihook.cell import CellSpec
from ocihook.hook import annotations, bundle, request
from ocihook.hook.cgroup import Cgroup
from ocihook.hook.state import ContainerState
from ocihook.release import bundle_hash

Make = Callable[..., CellSpec]
ID = "0123456789abcdef0123"


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Make a spec from the files of a cgroup, linux.resources.cpu, and annotations."""
    directory = os.open(tmp_path, os.O_RDONLY)

    def spec(
        files: dict[str, str] | None = None,
        cpu: dict[str, object] | None = None,
        wishes: dict[str, str] | None = None,
        final: str = "",
        unified: dict[str, str] | None = None,
    ) -> CellSpec:
        for name, text in (files or {}).items():
            (tmp_path / name).write_text(text + "\n")
        config = {
            "process": {"execCPUAffinity": {"final": final}},
            "linux": {"resources": {"cpu": cpu, "unified": unified}},
        }
        return request.cell_spec(
            ContainerState(id=ID, pid=5, status="creating", bundle="/b", annotations={}),
            bundle.parse(json.dumps(config).encode()),
            annotations.parse(
                {annotations.PREFIX + key: text for key, text in (wishes or {}).items()}
            ),
            Cgroup(77, "/c1", directory),
        )

    yield spec
    os.close(directory)


def test_defaults(make: Make) -> None:
    spec = make()
    assert (spec.container, spec.name) == (ID, ID[:12])
    assert (spec.weight, spec.allowed, spec.exec_allowed) == (100, 0, 0)
    assert spec.bundle_hash == bundle_hash("/b")


def test_name(make: Make) -> None:
    named = make(wishes={"cell": "web"})
    assert (named.name, named.shared) == ("web", True)
    assert not make().shared


def test_wishes(make: Make) -> None:
    wishing = make(wishes={"cpus": "2", "lend": "false", "borrow": "false"})
    assert (wishing.own_count, wishing.own_list) == (2, 0)
    assert (wishing.lend, wishing.borrow) == (False, False)
    assert make(wishes={"cpus": "2-3"}).own_list == 0b1100
    assert make(wishes={"weight": "300"}).fixed_weight
    assert not make({"cpu.weight": "300"}).fixed_weight


@pytest.mark.parametrize(
    ("files", "cpu", "quota_ms"),
    [
        ({"cpu.max": "50000 100000"}, {"quota": 70000}, (50, 100, 0)),
        ({"cpu.max": "50000 100000", "cpu.max.burst": "20000"}, {}, (50, 100, 20)),
        # The engine has lifted it since.
        ({"cpu.max": "max 100000", "cpu.max.burst": "0"}, {"quota": 70000}, (0, 0, 0)),
        # The cpu controller is off.
        ({}, {"quota": 70000, "period": 50000, "burst": 10000}, (70, 50, 10)),
        ({}, {"quota": 70000}, (70, 100, 0)),
        ({}, {"quota": -1, "period": 50000}, (0, 0, 0)),
        ({}, {"period": 50000}, (0, 0, 0)),
        ({"cpu.max": "what?"}, {"quota": 70000}, (70, 100, 0)),
    ],
)
def test_quota(
    make: Make, files: dict[str, str], cpu: dict[str, object], quota_ms: tuple[int, int, int]
) -> None:
    spec = make(files, cpu)
    found = (spec.quota_ns, spec.period_ns, spec.burst_ns)
    assert found == tuple(part * 1_000_000 for part in quota_ms)
    assert not spec.fixed_quota


@pytest.mark.parametrize(
    ("files", "cpu", "wishes", "weight"),
    [
        ({"cpu.weight": "39"}, {"shares": 1024}, {"weight": "300"}, 300),
        ({"cpu.weight": "39"}, {"shares": 1024}, {}, 39),
        ({"cpu.weight": "0"}, {"shares": 1024}, {}, 1),  # cpu.idle is set
        ({"cpu.weight": "1"}, {"idle": 1}, {}, 1),  # the same, from Linux 6.12 on
        ({"cpu.weight": "1"}, {"idle": 1}, {"weight": "300"}, 300),
        ({"cpu.weight": "100"}, {"idle": 1}, {}, 100),  # the engine has taken it back
        ({}, {"idle": 1, "shares": 2048}, {}, 1),
        ({}, {"idle": 0, "shares": 2048}, {}, 174),
        ({"cpu.weight": ""}, {"shares": 2048}, {}, 174),
        ({}, {"shares": 2048}, {}, 174),
        ({}, {"shares": 0}, {}, 100),
        ({}, {}, {}, 100),
    ],
)
def test_weight(
    make: Make, files: dict[str, str], cpu: dict[str, object], wishes: dict[str, str], weight: int
) -> None:
    assert make(files, cpu, wishes).weight == weight


@pytest.mark.parametrize(
    ("files", "cpu", "allowed"),
    [
        # A cpuset of its own: what is in effect counts.
        ({"cpuset.cpus": "0-3", "cpuset.cpus.effective": "0-1"}, {"cpus": "0-3"}, 0b11),
        ({"cpuset.cpus": "0-3", "cpuset.cpus.effective": "0-1"}, {}, 0b11),
        # None of its own: those of the machine are no restriction.
        ({"cpuset.cpus": "", "cpuset.cpus.effective": "0-7"}, {}, 0),
        # The systemd driver puts it on the scope above.
        ({"cpuset.cpus": "", "cpuset.cpus.effective": "2"}, {"cpus": "2"}, 0b100),
        # The cpuset controller is off.
        ({}, {"cpus": "1"}, 0b10),
        ({}, {}, 0),
        ({"cpuset.cpus": "0-4095", "cpuset.cpus.effective": "0-4095"}, {}, 0),
    ],
)
def test_allowed(make: Make, files: dict[str, str], cpu: dict[str, object], allowed: int) -> None:
    assert make(files, cpu).allowed == allowed


def test_exec_allowed(make: Make) -> None:
    assert make(final="1,3").exec_allowed == 0b1010


def test_unified_goes_before_the_rest_of_config_json_and_behind_the_cgroup(make: Make) -> None:
    unified = {"cpu.weight": "300", "cpu.max": "20000 50000", "cpuset.cpus": "1"}
    spec = make(cpu={"shares": 2048, "quota": 1000, "cpus": "0"}, unified=unified)
    assert (spec.weight, spec.allowed) == (300, 0b10)
    assert (spec.quota_ns, spec.period_ns) == (20_000_000, 50_000_000)
    files = {"cpu.weight": "7", "cpu.max": "max 100000", "cpuset.cpus.effective": "2"}
    spec = make(files, unified=unified)
    assert (spec.weight, spec.allowed, spec.quota_ns) == (7, 0b100, 0)
