# SPDX-License-Identifier: Apache-2.0
"""What the metrics tell, read by the parser of Prometheus' own Python client."""

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families as parse

from ocihook import __version__, cpulist
from ocihook.abi import (
    CELL_CLAIMING,
    CELL_DRAINING,
    CELL_LIVE,
    OCIHOOK_WAIT_BUCKETS,
    Cell,
    CellStats,
    CellWaits,
    SchedulerRecord,
)
from ocihook.errors import AbiMismatch, SchedulerUnavailable
from ocihook.metrics import collect as collecting
from ocihook.metrics.cells import cell_families
from ocihook.metrics.collect import collect
from ocihook.metrics.exposition import render
from ocihook.metrics.scheduler import scheduler_families
from ocihook.sched.cell_row import describe

DOCUMENTATION = Path(__file__).parents[3] / "docs" / "metrics.md"
LAST = OCIHOOK_WAIT_BUCKETS - 1
STATUS = {
    "state": "running", "scheduler": "ocihook", "kernel": "6.18.1", "abi": 2, "uptime_s": 90.4,
    "exit": None, "cells": 2, "host_share": 20,
}  # fmt: skip
STOPPED = {**STATUS, "state": "stopped", "scheduler": None, "uptime_s": None, "host_share": None}
EJECTED = {
    **STOPPED,
    "state": "ejected",
    "exit": {"kind": 1026, "code": 0, "reason": "runnable task stall", "message": "sh[42]"},
}
RECORD = SchedulerRecord(host_share=20, nr_live=2, nr_registered=9, nr_released=7)


def row(slot: int, *stats: CellStats, **members: Any) -> dict[str, Any]:
    waits = CellWaits(buckets=members.pop("buckets", (0,) * OCIHOOK_WAIT_BUCKETS))
    cell = Cell(**{"state": CELL_LIVE, "weight": 100, "cgid": 70 + slot, **members})
    found = describe(slot, cell, stats or [CellStats(), CellStats()], waits, 0b11)
    return {**found, "cgroup": f"/c{slot}", "tasks": 5}


WEB = row(
    3,
    CellStats(run_ns=10**9, nr_runs=2, wait_ns=250, borrowed_ns=10**8, nr_preempted=4),
    CellStats(run_ns=5 * 10**8, lent_ns=2 * 10**9, nr_narrow=5, nr_fallbacks=6),
    name=b"web", container=b"c0ffee", weight=300, nr_runnable=4, own=cpulist.to_words(0b10),
    quota_ns=150_000_000, period_ns=100_000_000, throttled_ns=3 * 10**9, nr_throttled=7,
    buckets=(3, 0, 2) + (0,) * (LAST - 3) + (1,),
)  # fmt: skip
POOL = {
    **row(4, name=b"pool", cgid=0),
    "members": [
        {"container": "same", "cgid": 8, "cgroup": "/a"},
        {"container": "same", "cgid": 9, "cgroup": None},
        {"container": "same", "cgid": 10, "cgroup": None},
    ],
}
ROWS = [
    row(0, name=b"host"), WEB, POOL, row(5, state=CELL_DRAINING), row(6, state=CELL_CLAIMING)
]  # fmt: skip


@pytest.fixture
def told() -> dict[str, Metric]:
    return {family.name: family for family in parse(render(cell_families(ROWS)))}


def values(family: Metric, cell: str) -> list[float]:
    return [sample.value for sample in family.samples if sample.labels["cell"] == cell]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("weight", 300), ("tasks", 5), ("runnable_tasks", 4), ("usable_cpus", 2), ("own_cpus", 1),
        ("quota_cpus", 1.5), ("run_seconds", 1.5), ("runs", 2), ("wait_seconds", 2.5e-07),
        ("borrowed_seconds", 0.1), ("lent_seconds", 2), ("throttled_seconds", 3),
        ("throttles", 7), ("preemptions", 4), ("narrow_enqueues", 5), ("fallbacks", 6),
    ],
)  # fmt: skip
def test_each_number_of_a_cell(told: dict[str, Metric], name: str, value: float) -> None:
    family = told[f"ocihook_cell_{name}"]
    assert values(family, "3") == [value]
    labels = next(sample.labels for sample in family.samples if sample.labels["cell"] == "3")
    assert labels == {"cell": "3", "name": "web", "container": "c0ffee"}


def test_waits(told: dict[str, Metric]) -> None:
    family = told["ocihook_cell_wakeup_wait_seconds"]
    samples = [sample for sample in family.samples if sample.labels["cell"] == "3"]
    *buckets, total, count = samples
    bounds = {float(sample.labels["le"]): sample.value for sample in buckets}
    assert list(bounds) == [*(2**n / 10**6 for n in range(LAST)), math.inf]
    assert (bounds[1e-06], bounds[2e-06], bounds[4e-06]) == (3, 3, 5)
    assert (bounds[2**22 / 10**6], bounds[math.inf], count.value) == (5, 6, 6)
    # Three of 0 to 1 us, two of 2 to 4 us, one of 4.2 s at least.
    assert total.value == pytest.approx(3 * 0.5e-06 + 2 * 3e-06 + 4.194304)


def test_no_limit_is_no_sample(told: dict[str, Metric]) -> None:
    assert values(told["ocihook_cell_quota_cpus"], "0") == []


def test_a_shared_cell_is_counted_once_and_names_each_cgroup(told: dict[str, Metric]) -> None:
    assert values(told["ocihook_cell_weight"], "4") == [100]
    infos = [
        sample.labels for sample in told["ocihook_cell_info"].samples
        if sample.labels["cell"] == "4"
    ]  # fmt: skip
    assert [(info["container"], info["cgid"], info["cgroup"]) for info in infos] == [
        ("same", "8", "/a"), ("same", "9", ""), ("same", "10", "")
    ]  # fmt: skip


def test_a_draining_cell_says_so_and_one_being_claimed_is_left_out(
    told: dict[str, Metric],
) -> None:
    states = {
        sample.labels["cell"]: sample.labels["state"]
        for sample in told["ocihook_cell_info"].samples
    }
    assert states == {"0": "live", "3": "live", "4": "live", "5": "draining"}


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have the kernel say this and that."""

    def say(*states: dict[str, Any], cells: Callable[[], Any] = lambda: ROWS) -> None:
        answers = list(states)
        monkeypatch.setattr(collecting, "scheduler_status", lambda: answers.pop(0))
        monkeypatch.setattr(collecting, "read_record", lambda: RECORD)
        monkeypatch.setattr(collecting, "list_cells", cells)
        monkeypatch.setattr("time.time", lambda: 1_000_000.0)

    return say


def collected() -> dict[str, Metric]:
    return {family.name: family for family in parse(collect())}


def only(family: Metric) -> tuple[dict[str, str], float]:
    (sample,) = family.samples
    return sample.labels, sample.value


def test_a_scheduler_that_runs(kernel: Callable[..., None]) -> None:
    kernel(STATUS)
    told = collected()
    assert only(told["ocihook_scheduler_up"]) == ({}, 1)
    assert only(told["ocihook_scheduler_info"]) == (
        {"version": __version__, "abi": "2", "kernel": "6.18.1", "state": "running",
         "scheduler": "ocihook"}, 1
    )  # fmt: skip
    assert only(told["ocihook_scheduler_start_time_seconds"]) == ({}, 1_000_000 - 90.4)
    assert only(told["ocihook_scheduler_host_share_ratio"]) == ({}, 0.2)
    assert only(told["ocihook_scheduler_cells"]) == ({}, 2)
    assert only(told["ocihook_scheduler_cells_limit"]) == ({}, 4095)
    assert only(told["ocihook_scheduler_registrations"]) == ({}, 9)
    assert only(told["ocihook_scheduler_releases"]) == ({}, 7)
    assert "ocihook_scheduler_exit_info" not in told
    assert "ocihook_cell_weight" in told


def test_names_are_as_prometheus_wants_them(kernel: Callable[..., None]) -> None:
    """https://prometheus.io/docs/practices/naming/, and what a collector refuses a file for."""
    kernel(STATUS)
    text = collect()
    families = list(parse(text))
    names = [family.name for family in families]
    assert len(names) == len(set(names))
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    assert set(types) == set(re.findall(r"^# HELP (\S+) .*\.$", text, re.MULTILINE))
    for name, kind in types.items():
        assert name.startswith("ocihook_")
        assert name.endswith("_total") is (kind == "counter"), name
        assert not re.search(r"_(ns|us|ms|percent)(_|$)", name)
    for family in families:
        told = [(sample.name, *sorted(sample.labels.items())) for sample in family.samples]
        assert len(told) == len(set(told)), family.name


def test_the_documentation_has_each_of_them() -> None:
    families = [
        *scheduler_families({**STATUS, "exit": EJECTED["exit"]}, RECORD, 0.0),
        *cell_families(ROWS),
    ]
    table = "\n".join(f"| `{each.name}` | {each.kind} | {each.help} |" for each in families)
    assert f"| --- | --- | --- |\n{table}\n\n" in DOCUMENTATION.read_text()


@pytest.mark.parametrize("state", ["stopped", "foreign", "unsupported"])
def test_without_our_scheduler_it_is_not_up(kernel: Callable[..., None], state: str) -> None:
    kernel({**STOPPED, "state": state})
    told = collected()
    assert set(told) == {"ocihook_scheduler_up", "ocihook_scheduler_info"}
    assert only(told["ocihook_scheduler_up"]) == ({}, 0)
    assert only(told["ocihook_scheduler_info"])[0]["state"] == state


def test_an_ejection_has_its_reason(kernel: Callable[..., None]) -> None:
    kernel(EJECTED)
    told = collected()
    assert only(told["ocihook_scheduler_up"]) == ({}, 0)
    assert only(told["ocihook_scheduler_exit_info"]) == (
        {"kind": "1026", "reason": "runnable task stall"}, 1
    )  # fmt: skip


@pytest.mark.parametrize(
    ("then", "state"), [(EJECTED, "ejected"), (STOPPED, "stopped"), (STATUS, "stopped")]
)
def test_a_scheduler_that_ends_meanwhile_is_not_up(
    kernel: Callable[..., None], then: dict[str, Any], state: str
) -> None:
    def gone() -> Any:
        raise SchedulerUnavailable("no ocihook scheduler is loaded")

    kernel(STATUS, then, cells=gone)
    told = collected()
    assert only(told["ocihook_scheduler_up"]) == ({}, 0)
    assert only(told["ocihook_scheduler_info"])[0]["state"] == state
    assert "ocihook_cell_weight" not in told


def test_what_cannot_be_read_is_no_scheduler_that_is_down(kernel: Callable[..., None]) -> None:
    def mismatch() -> Any:
        raise AbiMismatch("map cells has values of 5 bytes")

    kernel(STATUS, cells=mismatch)
    with pytest.raises(AbiMismatch):
        collect()
