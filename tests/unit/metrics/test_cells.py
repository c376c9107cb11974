# SPDX-License-Identifier: Apache-2.0
"""The families of cells, read by the parser of Prometheus' own Python client."""

import math

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families as parse
from told_cells import LAST, ROWS

from ocihook.metrics.cells import cell_families
from ocihook.metrics.exposition import render


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
