# SPDX-License-Identifier: Apache-2.0
"""What the scheduler takes of a machine's memory, by arithmetic: the maps of the object as the
loader makes them, and what the kernel adds for each cell. The table is in docs/design.md.
"""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest

from ocihook._bpf.scheduler_object import MapShape, SchedulerObject
from ocihook.abi import OCIHOOK_MAX_CELLS, SchedulerConfig
from ocihook.sched.queues import queue_bytes, queues_max

DESIGN = Path(__file__).parents[2] / "docs" / "design.md"

ARRAY, PERCPU_ARRAY, STRUCT_OPS, RINGBUF, TASK_STORAGE, CGRP_STORAGE = 2, 6, 26, 27, 29, 32
"""enum bpf_map_type of include/uapi/linux/bpf.h"""

POINTER_BYTES = 8

CGROUP_BYTES = 384
"""Storage of one value in a cgroup: bpf_local_storage, 184 bytes on 7.3, and
bpf_local_storage_elem, 128 and the value, each in a slab of 192."""

MASK_BYTES = 2048
"""struct bpf_cpumask of a kernel for 8192 CPUs, as distributions build it: 1032, in its slab."""

MASKS = 2
"""Of each cell, once one cell has a CPU of its own: where it has first claim, where it may run."""


def maps_of(nr_llcs: int) -> list[MapShape]:
    """Return the maps as the loader makes them on a machine with so many caches."""
    image = files("ocihook._bpf").joinpath("ocihook.bpf.o").read_bytes()
    with SchedulerObject(image) as scheduler:
        scheduler.configure(SchedulerConfig(nr_llcs=nr_llcs, timeout_ms=1))
        return scheduler.maps()


def map_bytes(each: MapShape, possible: int) -> int:
    """Return what a map takes from the moment that it is made."""
    value_bytes = -(-each.value_bytes // 8) * 8
    if each.kind == RINGBUF:
        return each.max_entries
    if each.kind == PERCPU_ARRAY:
        return each.max_entries * (value_bytes * possible + POINTER_BYTES)
    if each.kind in (ARRAY, STRUCT_OPS):
        return each.max_entries * value_bytes
    assert each.kind in (TASK_STORAGE, CGRP_STORAGE), each
    return 0


def parts(possible: int, nr_llcs: int, cells: int, *, own: bool) -> dict[str, int]:
    """Return the bytes of each part; ``own``: some CPU is a cell's own.

    The kernel is one whose queues have a part for each possible CPU. As many of them as there may
    be: one for each node, the host's included, and what is left of the budget.
    """
    found = {each.name: map_bytes(each, possible) for each in maps_of(nr_llcs)}
    named = ("cell_run_ns", "cell_stats", "cells", "cell_objects", "cell_waits", "switches")
    queue = queue_bytes(possible, part_for_each_cpu=True)
    most = min(queues_max(possible, part_for_each_cpu=True), (cells + 1) * nr_llcs)
    return {
        **{name: found[name] for name in named},
        "other maps": sum(each for name, each in found.items() if name not in named),
        "queues of CPUs": possible * queue,
        "queues of nodes": max(most, cells + 1) * queue,
        "storage of cgroups": cells * CGROUP_BYTES,
        "cpumasks": (cells + 1) * MASKS * MASK_BYTES if own else 0,
    }


def of_one_cell(possible: int, *, own: bool) -> int:
    """Return what one live cell takes: its part of the maps that have one for each slot, the rest.

    With one cache, so one queue.
    """
    slots = sum(
        map_bytes(each, possible) // OCIHOOK_MAX_CELLS
        for each in maps_of(1)
        if each.max_entries == OCIHOOK_MAX_CELLS
    )
    queue = queue_bytes(possible, part_for_each_cpu=True)
    return slots + queue + CGROUP_BYTES + (MASKS * MASK_BYTES if own else 0)


def test_a_thousand_cells_on_512_cpus_with_16_caches() -> None:
    found = parts(512, 16, 1000, own=True)
    assert sum(found.values()) < 64_000_000, found


def test_a_cell_on_two_cpus() -> None:
    assert of_one_cell(2, own=False) <= 4096


def test_the_loader_makes_an_element_for_each_slot_and_cache() -> None:
    (stats,) = (each for each in maps_of(3) if each.name == "cell_stats")
    assert stats == MapShape("cell_stats", ARRAY, 64, 3 * OCIHOOK_MAX_CELLS)


def rounded(count: int) -> str:
    return f"{count / 1_000_000:.1f}"


@pytest.mark.parametrize("name", [*parts(2, 1, 1, own=True), "in all"])
def test_the_table_of_the_design_is_in_step(name: str) -> None:
    """Its columns: 512 CPUs, 16 caches; 2 CPUs, one cache. In MB, with 1,000 cells."""
    columns = (parts(512, 16, 1000, own=True), parts(2, 1, 1000, own=True))
    wanted = [rounded(each[name] if name in each else sum(each.values())) for each in columns]
    row = re.search(
        rf"^\| `?{name}`?[^|]*\|[^|]*\| ([\d.]+) \| ([\d.]+) \|$", DESIGN.read_text(), re.M
    )
    assert row, f"no row {name} in docs/design.md; its figures: {wanted}"
    assert list(row.groups()) == wanted


def test_the_design_says_what_a_cell_takes() -> None:
    told = f"{of_one_cell(2, own=False):,} bytes for each live cell"
    assert told in DESIGN.read_text().replace("\n", " "), told
