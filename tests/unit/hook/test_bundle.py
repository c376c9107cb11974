# SPDX-License-Identifier: Apache-2.0
import json
import os
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from ocihook.errors import BundleError, BundleMissing
from ocihook.hook import bundle as bundles

DATA = Path(__file__).parents[2] / "data" / "config" / "good"


def cpu(**members: object) -> dict[str, Any]:
    return {"linux": {"resources": {"cpu": members}}}


def test_members() -> None:
    parsed = bundles.parse((DATA / "podman-5.4-cpuset.json").read_bytes())
    assert parsed.annotations["org.ocihook/cell"] == "batch"
    assert (parsed.exec_initial, parsed.exec_final, parsed.cpus) == (0b11, 0b10, 0b11)
    assert (parsed.shares, parsed.quota_us, parsed.period_us) == (1024, 150000, 100000)
    assert parsed.namespaces == {"network": "/run/netns/netns-1", "cgroup": None}
    assert parsed.cgroups_path is not None
    assert parsed.cgroups_path.startswith("machine.slice:libpod:")


def test_what_is_not_there() -> None:
    for name in ("handmade-empty.json", "handmade-nulls.json"):
        parsed = bundles.parse((DATA / name).read_bytes())
        assert (parsed.annotations, parsed.namespaces) == ({}, {})
        assert (parsed.exec_initial, parsed.exec_final, parsed.cpus) == (0, 0, 0)
        assert (parsed.shares, parsed.quota_us, parsed.period_us) == (None, None, None)
        assert parsed.cgroups_path is None


def test_cpu_members() -> None:
    given = cpu(idle=1, mems="0-1", realtimeRuntime=-1, realtimePeriod=1000, burst=5)
    parsed = bundles.parse(
        json.dumps({**given, "process": {"scheduler": {"policy": "X"}}}).encode()
    )
    assert (parsed.idle, parsed.mems, parsed.burst_us, parsed.policy) == (1, 0b11, 5, "X")
    assert (parsed.realtime_runtime_us, parsed.realtime_period_us) == (-1, 1000)


def unified(texts: dict[str, object], **cpu_members: object) -> bundles.Bundle:
    document = cpu(**cpu_members)
    document["linux"]["resources"]["unified"] = texts
    return bundles.parse(json.dumps(document).encode())


def test_unified_goes_last() -> None:
    """A runtime writes it after all else (runtime-spec, config-linux.md, unified)."""
    parsed = unified(
        {
            "cpu.weight": "300", "cpu.max": "5000 20000", "cpu.max.burst": "7", "cpu.idle": "1",
            "cpuset.cpus": "2-3", "cpuset.mems": "1", "memory.high": "x",
        },
        shares=2, quota=1, period=2, burst=3, idle=0, cpus="0", mems="0",
    )  # fmt: skip
    assert (parsed.weight, parsed.quota_us, parsed.period_us) == (300, 5000, 20000)
    assert (parsed.burst_us, parsed.idle, parsed.cpus, parsed.mems) == (7, 1, 0b1100, 0b10)


@pytest.mark.parametrize("text", ["0-x", "0-N", "0-1:1/2", ",", "1-0", "5000"])
def test_an_affinity_that_no_runtime_read_is_none(text: str) -> None:
    """crun 1.28 starts such a container, and so does runc 1.1; runc 1.3 does not."""
    document = {"process": {"execCPUAffinity": {"initial": text, "final": text}}}
    parsed = bundles.parse(json.dumps(document).encode())
    assert (parsed.exec_initial, parsed.exec_final) == (0, 0)
    assert [fault.args[0].split(": ")[1] for fault in parsed.faults] == [
        "process.execCPUAffinity.initial",
        "process.execCPUAffinity.final",
    ]


def test_unified_without_a_text_writes_nothing() -> None:
    """runc 1.1.15 and crun 1.21 start such a container."""
    names = ("cpu.weight", "cpu.max", "cpu.max.burst", "cpu.idle", "cpuset.cpus", "cpuset.mems")
    parsed = unified(dict.fromkeys(names, ""), quota=1000, burst=5, idle=1, cpus="1", mems="0")
    assert (parsed.weight, parsed.quota_us, parsed.burst_us, parsed.idle) == (None, 1000, 5, 1)
    assert (parsed.cpus, parsed.mems) == (0b10, 0b1)


def test_unified_lifts_a_quota_and_keeps_a_period() -> None:
    parsed = unified({"cpu.max": "max"}, quota=1, period=2)
    assert (parsed.quota_us, parsed.period_us) == (-1, 2)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("cpu.weight", "0", "'0' is not in 1..10000"),
        ("cpu.weight", "0b11", "'0b11' is not a number to the kernel"),
        ("cpu.weight", " ", "is empty"),
        ("cpu.weight", "1" * 65, "65 characters: at most 64 are read"),
        ("cpu.weight", 5, "not a string"),
        ("cpu.weight", "5\0", "contains a NUL"),
        ("cpu.max", "max 0", "'max 0': 0 is not in 1..18446744073709551615"),
        ("cpu.max", "-1", "'-1' is not a quota and a period"),
        ("cpu.max.burst", "9" * 20, f"'{'9' * 20}' is not in 0..18446744073709551615"),
        ("cpu.idle", "2", "'2' is not in 0..1"),
        ("cpuset.cpus", "0-", "cpulist '0-': expected a number at position 3"),
        ("cpuset.mems", "x", "cpulist 'x': expected a number at position 1"),
    ],
)
def test_unified_refuses(key: str, value: object, message: str) -> None:
    with pytest.raises(BundleError) as caught:
        unified({key: value})
    assert str(caught.value).startswith("config.json: linux.resources.unified")
    assert str(caught.value).endswith(message)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"process": []}, "config.json: process: not an object"),
        (
            {"process": {"execCPUAffinity": {"final": 1}}},
            "config.json: process.execCPUAffinity.final: not a string",
        ),
        (cpu(cpus="3-1"), "config.json: linux.resources.cpu.cpus: cpulist '3-1': range 3-1 runs"),
        (cpu(shares="1"), "config.json: linux.resources.cpu.shares: not an integer"),
        (cpu(shares=-1), "config.json: linux.resources.cpu.shares: not in 0..18446744073709551615"),
        ({"linux": {"namespaces": [1]}}, "config.json: linux.namespaces[0]: not an object"),
        ({"linux": {"namespaces": [{}]}}, "config.json: linux.namespaces[0].type: missing"),
        ({"linux": {"namespaces": {}}}, "config.json: linux.namespaces: not an array"),
        ({"annotations": {"a": 1}}, "config.json: annotations['a']: not a string"),
    ],
)
def test_refuses(document: object, message: str) -> None:
    with pytest.raises(BundleError) as caught:
        bundles.parse(json.dumps(document).encode())
    assert str(caught.value).startswith(message)


def test_read(bundle: Path) -> None:
    assert bundles.read(str(bundle)).namespaces == {"cgroup": None}


def test_read_names_the_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(BundleMissing, match=f"^{tmp_path}/config.json: no such file or directory"):
        bundles.read(str(tmp_path))


def test_read_names_the_file_that_is_broken(bundle: Path) -> None:
    (bundle / "config.json").write_text("{")
    with pytest.raises(BundleError, match=f"^{bundle}/config.json: not JSON: "):
        bundles.read(str(bundle))


def test_read_does_not_wait_for_a_fifo(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.json")
    with pytest.raises(BundleError, match=r"config\.json: not a regular file"):
        bundles.read(str(tmp_path))


def test_read_refuses_what_is_too_large(bundle: Path) -> None:
    with (bundle / "config.json").open("wb") as file:
        file.truncate(bundles.MAX_CONFIG_BYTES + 1)
    with pytest.raises(BundleError, match=r"config\.json: 2097153 bytes, more than 2097152"):
        bundles.read(str(bundle))


def test_read_asks_in_pieces_whatever_size_a_file_says_it_has(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of procfs says 0, and was read byte by byte."""
    real, asked = os.fstat, []

    def fstat(file: int) -> os.stat_result:
        status = list(real(file))
        return os.stat_result([*status[:6], 0, *status[7:]])

    def read(file: int, size: int) -> bytes:
        asked.append(size)
        return os.read(file, size)

    class System:
        def __getattr__(self, name: str) -> object:
            return {"fstat": fstat, "read": read}.get(name) or getattr(os, name)

    monkeypatch.setattr(bundles, "os", System())
    text = (bundle / "config.json").read_text()
    (bundle / "config.json").write_text(text + " " * 300_000)
    bundles.read(str(bundle))
    assert len(asked) <= 5
    assert max(asked) <= 1 << 20


def test_the_largest_one_takes_little_memory(bundle: Path) -> None:
    """As root: whoever may write a bundle shall not take the machine's."""
    wide = "[" + ",".join(["{}"] * (bundles.MAX_CONFIG_BYTES // 3 - 100)) + "]"
    (bundle / "config.json").write_text(f'{{"ociVersion": "1.0.2", "x": {wide}}}')
    tracemalloc.start()
    try:
        bundles.read(str(bundle))
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most_bytes < 100 << 20
