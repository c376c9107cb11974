# SPDX-License-Identifier: Apache-2.0
"""Usage as a document: what schemas/top.schema.json describes. Pure."""

from typing import Any

from ocihook.sched.usage import CellUsage, Usage
from ocihook.sched.waits import below_us

NS_PER_S = 1_000_000_000
PERCENTILES = (50, 99)


def describe_usage(usage: Usage) -> dict[str, Any]:
    """Return the document of what happened in an interval."""
    return {
        "interval_s": round(usage.interval_ns / NS_PER_S, 6),
        "cells": [_cell(row) for row in usage.cells],
        "cpus": [
            {
                "cpu": cpu.cpu,
                "busy": round(cpu.busy, 4),
                "cells": [{"cell": cell, "part": round(part, 4)} for cell, part in cpu.parts],
            }
            for cpu in usage.cpus
        ],
    }


def _cell(row: CellUsage) -> dict[str, Any]:
    return {
        "cell": row.cell,
        "name": row.name,
        "state": row.state,
        "weight": row.weight,
        "promised_cpus": round(row.promised, 4),
        "got_cpus": round(row.got, 4),
        "borrowed_cpus": round(row.borrowed, 4),
        "lent_cpus": round(row.lent, 4),
        "nr_waits": sum(row.waits),
        "wait_below_us": {f"p{each}": below_us(row.waits, each) for each in PERCENTILES},
        "throttled_ns": row.throttled_ns,
        "nr_throttled": row.nr_throttled,
        "runnable": row.runnable,
    }
