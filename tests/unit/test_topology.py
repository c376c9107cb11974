# SPDX-License-Identifier: Apache-2.0
"""The machine's topology, from a sysfs of our own."""

import os
from pathlib import Path

import pytest

from ocihook import topology
from ocihook.errors import SchedulerUnavailable, SystemCallError


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")


@pytest.fixture
def sysfs(tmp_path: Path) -> Path:
    """Two nodes of two caches of two cores of two threads; thread siblings are 8 apart."""
    write(tmp_path / "cpu" / "online", "0-15")
    for cpu in range(16):
        core = cpu % 8
        first = core & ~1
        here = tmp_path / "cpu" / f"cpu{cpu}"
        write(here / "topology" / "core_cpus_list", f"{core},{core + 8}")
        write(here / "topology" / "package_cpus_list", "0-15")
        write(here / "cache" / "index0" / "shared_cpu_list", f"{core},{core + 8}")
        write(
            here / "cache" / "index3" / "shared_cpu_list",
            f"{first}-{first + 1},{first + 8}-{first + 9}",
        )
    write(tmp_path / "node" / "node0" / "cpulist", "0-3,8-11")
    write(tmp_path / "node" / "node1" / "cpulist", "4-7,12-15")
    write(tmp_path / "node" / "possible", "0-1")
    return tmp_path


def test_whole_machine(sysfs: Path) -> None:
    machine = topology.read(str(sysfs))
    assert machine.online == 0xFFFF
    assert machine.cores == tuple(0x101 << core for core in range(8))
    assert machine.llcs == (0x303, 0xC0C, 0x3030, 0xC0C0)
    assert machine.nodes == (0x0F0F, 0xF0F0)


def test_offline_cpus_are_in_nothing(sysfs: Path) -> None:
    write(sysfs / "cpu" / "online", "0-3,9")
    machine = topology.read(str(sysfs))
    assert machine.online == 0x20F
    assert machine.cores == (1, 0x202, 4, 8)
    assert machine.llcs == (0x203, 0xC)
    assert machine.nodes == (0x20F,)


def test_machine_that_says_little(tmp_path: Path) -> None:
    """As virtual machines may: no caches, no nodes, no siblings."""
    write(tmp_path / "cpu" / "online", "0-3")
    machine = topology.read(str(tmp_path))
    assert machine.cores == (1, 2, 4, 8)
    assert machine.llcs == (1, 2, 4, 8)
    assert machine.nodes == (0xF,)


def test_without_caches_a_package_is_one(tmp_path: Path) -> None:
    write(tmp_path / "cpu" / "online", "0-3")
    for cpu in range(4):
        name = "0-1" if cpu < 2 else "2-3"
        write(tmp_path / "cpu" / f"cpu{cpu}" / "topology" / "package_cpus_list", name)
    assert topology.read(str(tmp_path)).llcs == (0b11, 0b1100)


def test_the_last_cache_counts_not_the_first_in_the_alphabet(sysfs: Path) -> None:
    write(sysfs / "cpu" / "cpu0" / "cache" / "index10" / "shared_cpu_list", "0-7")
    assert topology.read(str(sysfs)).llcs[0] == 0xFF


def test_no_sysfs(tmp_path: Path) -> None:
    with pytest.raises(SystemCallError) as refusal:
        topology.read(str(tmp_path))
    assert str(refusal.value) == (
        f"{tmp_path}/cpu/online: no such file or directory (mount sysfs at /sys)"
    )


@pytest.mark.parametrize(
    ("text", "last"),
    [("0-1151", 1151), ("0-511,1024-1535", 1535), ("0-1024", 1024), ("0,99999", 99999)],
)
def test_more_cpus_than_the_abi_can_name(tmp_path: Path, text: str, last: int) -> None:
    for name, ask in (
        ("online", lambda: topology.read(str(tmp_path))),
        ("possible", lambda: topology.possible_cpus(str(tmp_path / "cpu" / "possible"))),
    ):
        path = tmp_path / "cpu" / name
        write(path, text)
        with pytest.raises(SchedulerUnavailable) as refusal:
            ask()
        assert str(refusal.value) == (
            f"{path} goes to CPU {last}, and ocihook to CPU 1023 (boot with nr_cpus=1024, which"
            " leaves the other CPUs unused)"
        )


def test_as_many_cpus_as_the_abi_can_name(tmp_path: Path) -> None:
    write(tmp_path / "cpu" / "online", "0-1023")
    assert topology.read(str(tmp_path)).online == (1 << 1024) - 1


def test_this_machine() -> None:
    machine = topology.read()
    assert machine.online.bit_count() == os.sysconf("SC_NPROCESSORS_ONLN")
    for groups in (machine.cores, machine.llcs, machine.nodes):
        assert sum(groups) == machine.online


@pytest.mark.parametrize(("text", "mask"), [("0-3\n", 0b1111), ("0,2\n", 0b101), ("0\n", 1)])
def test_possible_cpus(tmp_path: Path, text: str, mask: int) -> None:
    path = tmp_path / "possible"
    path.write_text(text)
    assert topology.possible_cpus(str(path)) == mask


def test_possible_cpus_of_this_machine() -> None:
    assert topology.possible_cpus().bit_count() >= (os.cpu_count() or 1)


def test_possible_cpus_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(SystemCallError, match=r"possible: no such file .*mount sysfs"):
        topology.possible_cpus(str(tmp_path / "possible"))
