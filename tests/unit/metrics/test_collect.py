# SPDX-License-Identifier: Apache-2.0
"""What all metrics tell together, read by the parser of Prometheus' own Python client."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families as parse
from told_cells import ROWS

from ocihook import __version__
from ocihook.abi import (
    SchedulerRecord,
)
from ocihook.errors import AbiMismatch, SchedulerUnavailable
from ocihook.metrics import collect as collecting
from ocihook.metrics.cells import cell_families
from ocihook.metrics.collect import collect
from ocihook.metrics.scheduler import scheduler_families

PUBLISHED = Path(__file__).parents[2] / "data" / "metrics" / "published.txt"
DOCUMENTATION = Path(__file__).parents[3] / "docs" / "metrics.md"
STATUS = {
    "state": "running", "scheduler": "ocihook", "kernel": "6.18.1", "abi": 2, "uptime_s": 90.4,
    "exit": None, "cells": 2,
}  # fmt: skip
STOPPED = {**STATUS, "state": "stopped", "scheduler": None, "uptime_s": None}
EJECTED = {
    **STOPPED,
    "state": "ejected",
    "exit": {"kind": 1026, "code": 0, "reason": "runnable task stall", "message": "sh[42]"},
}
RECORD = SchedulerRecord(nr_live=2, nr_registered=9, nr_released=7)


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


def test_a_text_that_was_published_never_changes() -> None:
    """node_exporter drops samples of a name that two files give different texts.

    Lines are added to the file, and never changed or taken out: a name that has gone is not used
    for something else.
    """
    lines = [line.split(" ", 2) for line in PUBLISHED.read_text().splitlines()]
    published = {name: (kind, about) for name, kind, about in lines}
    assert len(published) == len(lines)
    families = [
        *scheduler_families({**STATUS, "exit": EJECTED["exit"]}, RECORD, 0.0),
        *cell_families(ROWS),
    ]
    for each in families:
        assert published.get(each.name) == (each.kind, each.help), (
            f"{each.name}: another text needs another name; a new name a line in {PUBLISHED.name}"
        )


def test_the_last_line_ends(kernel: Callable[..., None]) -> None:
    """node_exporter drops a file whose last line has no newline."""
    for state in (STATUS, EJECTED, STOPPED):
        kernel(state)
        text = collect()
        assert text.endswith("\n")
        assert "\n\n" not in text
        assert "\r" not in text


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
