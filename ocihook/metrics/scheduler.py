# SPDX-License-Identifier: Apache-2.0
"""What is told of the scheduler. Pure."""

from typing import Any

from ocihook import __version__
from ocihook.abi import OCIHOOK_MAX_CELLS, SchedulerRecord
from ocihook.metrics.exposition import Family, Labels, Sample


def scheduler_families(
    status: dict[str, Any], record: SchedulerRecord | None, now_s: float
) -> list[Family]:
    """Return what there is to tell, with or without a scheduler.

    Args:
        status: of ``ocihook.sched.status.scheduler_status``.
        record: the scheduler's own one while it runs.
        now_s: the time since the epoch.
    """
    return [
        _gauge(
            "ocihook_scheduler_up",
            "Whether the ocihook scheduler runs.",
            int(status["state"] == "running"),
        ),
        _gauge(
            "ocihook_scheduler_info",
            "Package, kernel and state: running, ejected, stopped, foreign or unsupported.",
            1,
            {
                "version": __version__,
                "abi": str(status["abi"]),
                "kernel": status["kernel"],
                "state": status["state"],
                "scheduler": status["scheduler"] or "",
            },
        ),
        *([] if status["exit"] is None else [_exit(status["exit"])]),
        *([] if record is None else _running(status, record, now_s)),
    ]


def _exit(exit_of: dict[str, Any]) -> Family:
    return _gauge(
        "ocihook_scheduler_exit_info",
        "Why the kernel ended the scheduler; kind is its enum scx_exit_kind.",
        1,
        {"kind": str(exit_of["kind"]), "reason": exit_of["reason"]},
    )


def _running(status: dict[str, Any], record: SchedulerRecord, now_s: float) -> list[Family]:
    return [
        # Not for how long it runs: a file is read later than it is written.
        _gauge(
            "ocihook_scheduler_start_time_seconds",
            "When the scheduler was started, since the epoch; later by what the machine slept.",
            round(now_s - status["uptime_s"], 1),
        ),
        _gauge(
            "ocihook_scheduler_cells",
            "Live cells, without the host's.",
            record.nr_live,
        ),
        _gauge(
            "ocihook_scheduler_cells_limit",
            "Slots for cells, without the host's; a shared cell takes one more.",
            OCIHOOK_MAX_CELLS - 1,
        ),
        _counter(
            "ocihook_scheduler_registrations_total",
            "Cells that were registered.",
            record.nr_registered,
        ),
        _counter(
            "ocihook_scheduler_releases_total",
            "Cells that were released.",
            record.nr_released,
        ),
    ]


def _gauge(name: str, about: str, value: float, labels: Labels | None = None) -> Family:
    return Family(name, "gauge", about, [Sample(labels or {}, value)])


def _counter(name: str, about: str, value: float) -> Family:
    return Family(name, "counter", about, [Sample({}, value)])
