# SPDX-License-Identifier: Apache-2.0
import json
import os
from pathlib import Path

import pytest

from ocihook.errors import BundleError
from ocihook.hook import bundle as bundles

DATA = Path(__file__).parents[1] / "data" / "config" / "good"


def cpu(**members: object) -> dict[str, object]:
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


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"process": []}, "config.json: process: not an object"),
        (
            {"process": {"execCPUAffinity": {"final": "0-x"}}},
            "config.json: process.execCPUAffinity.final: "
            "cpulist '0-x': expected a number at position 3",
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
    with pytest.raises(BundleError, match=f"^{tmp_path}/config.json: no such file or directory"):
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
    with pytest.raises(BundleError, match=r"config\.json: 16777217 bytes, more than 16777216"):
        bundles.read(str(bundle))
