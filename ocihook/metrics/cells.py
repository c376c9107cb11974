# SPDX-License-Identifier: Apache-2.0
"""What is told of each cell, from the rows of ``ocihook.sched.cells.list_cells``. Pure."""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any, Literal

from ocihook import cpulist
from ocihook.metrics.exposition import Family, Labels, Sample, histogram
from ocihook.sched.waits import bound_us

NS_PER_S = 1_000_000_000
US_PER_S = 1_000_000

Row = dict[str, Any]


def _seconds(member: str) -> Callable[[Row], float]:
    return lambda row: row[member] / NS_PER_S


def _member(member: str) -> Callable[[Row], float]:
    return lambda row: int(row[member])


def _quota_cpus(row: Row) -> float | None:
    quota = row["quota"]
    return None if quota is None else float(quota["quota_us"] / quota["period_us"])


def _nr_cpus(member: str) -> Callable[[Row], float]:
    return lambda row: cpulist.parse(row[member] or "").bit_count()


_TOLD: tuple[tuple[str, Literal["counter", "gauge"], str, Callable[[Row], float | None]], ...] = (
    ("weight", "gauge", "Weight of the cell, in the scale of cpu.weight.", _member("weight")),
    ("tasks", "gauge", "Tasks in the cgroups of the cell.", _member("tasks")),
    (
        "runnable_tasks",
        "gauge",
        "Tasks of the cell that run or wait for a CPU.",
        _member("runnable"),
    ),
    ("usable_cpus", "gauge", "CPUs that the cell may use now.", _nr_cpus("cpus")),
    ("own_cpus", "gauge", "CPUs that are the cell's own.", _nr_cpus("own_cpus")),
    (
        "quota_cpus",
        "gauge",
        "Quota of the cell divided by its period; absent without a limit.",
        _quota_cpus,
    ),
    ("run_seconds_total", "counter", "CPU time that the cell has had.", _seconds("run_ns")),
    ("runs_total", "counter", "Times that a task of the cell went on a CPU.", _member("nr_runs")),
    (
        "wait_seconds_total",
        "counter",
        "Time for which tasks of the cell were runnable and on no CPU.",
        _seconds("wait_ns"),
    ),
    (
        "borrowed_seconds_total",
        "counter",
        "CPU time of the cell on CPUs that are another cell's own.",
        _seconds("borrowed_ns"),
    ),
    (
        "lent_seconds_total",
        "counter",
        "CPU time of others on the cell's own CPUs.",
        _seconds("lent_ns"),
    ),
    (
        "throttled_seconds_total",
        "counter",
        "Time for which the cell had used up its quota.",
        _seconds("throttled_ns"),
    ),
    (
        "periods_total",
        "counter",
        "Periods of the quota in which the cell had tasks to run.",
        _member("nr_periods"),
    ),
    (
        "throttles_total",
        "counter",
        "Times that the cell had used up its quota.",
        _member("nr_throttled"),
    ),
    (
        "preemptions_total",
        "counter",
        "Times that a task of the cell was stopped for a task of more claim.",
        _member("nr_preempted"),
    ),
    (
        "narrow_enqueues_total",
        "counter",
        "Times that a task waited in the queue of one CPU, for its narrow affinity.",
        _member("nr_narrow"),
    ),
    (
        "fallbacks_total",
        "counter",
        "Times that a task of the cell went back to the host.",
        _member("nr_fallbacks"),
    ),
)
"""Name behind ``ocihook_cell_``, kind, help, and the value; None for no sample."""


def cell_families(rows: Iterable[Row]) -> list[Family]:
    """Return what there is to tell of cells; one that is still being claimed has nothing yet.

    The labels of every sample are ``cell``, ``name`` and ``container``, which is empty for the
    host and for shared cells; ``ocihook_cell_info`` has each of their containers.
    """
    rows = [row for row in rows if row["state"] != "claiming"]
    families = [
        Family(
            "ocihook_cell_info",
            "gauge",
            "The cgroups of each cell.",
            [Sample(labels, 1) for row in rows for labels in _infos(row)],
        )
    ]
    for name, kind, about, value_of in _TOLD:
        samples = [
            Sample(_labels(row), value) for row in rows if (value := value_of(row)) is not None
        ]
        families.append(Family(f"ocihook_cell_{name}", kind, about, samples))
    families.append(
        Family(
            # Not cell_wait_seconds: OpenMetrics has the counter above under that name.
            "ocihook_cell_wakeup_wait_seconds",
            "histogram",
            "From waking up to running; the sum takes the middle of each bucket.",
            [sample for row in rows for sample in _waits(_labels(row), row["waits"])],
        )
    )
    return families


def _labels(row: Row) -> Labels:
    return {"cell": str(row["cell"]), "name": row["name"], "container": row["container"]}


def _infos(row: Row) -> list[Labels]:
    # With the cgroup's id: the same container id may live in two engines, and one sample that
    # comes twice spoils the whole file.
    return [
        {
            **_labels(row),
            "container": part["container"],
            "cgid": str(part["cgid"]),
            "cgroup": part["cgroup"] or "",
            "state": row["state"],
        }
        for part in row["members"] or [row]
    ]


def _waits(labels: Labels, counts: Sequence[int]) -> list[Sample]:
    """Return the histogram; its sum takes what histogram_quantile() takes, too.

    The kernel's side does not sum these waits up. Within a bucket they are taken to be spread
    evenly, and in the last one, which has no bound, to be as short as they can be.
    """
    bounds = [bound_us(bucket, len(counts)) for bucket in range(len(counts))]
    upper = [bound / US_PER_S for bound in bounds if bound is not None]
    middles = [(low + high) / 2 for low, high in pairwise((0.0, *upper))]
    total = sum(count * at for count, at in zip(counts, [*middles, upper[-1]], strict=True))
    return histogram(labels, counts, upper, total)
