# SPDX-License-Identifier: Apache-2.0
"""Ask the kernel, and say it as Prometheus text."""

import time

from ocihook.errors import SchedulerUnavailable
from ocihook.metrics.cells import cell_families
from ocihook.metrics.exposition import render
from ocihook.metrics.scheduler import scheduler_families
from ocihook.sched.cells import list_cells
from ocihook.sched.loader import read_record
from ocihook.sched.status import scheduler_status


def collect() -> str:
    """Return the metrics of now. Without a scheduler that is one of ours: that it is not up.

    Raises:
        AbiMismatch: what is pinned was made by another build.
        SystemCallError: the pins are not for this user.
    """
    status = scheduler_status()
    if status["state"] == "running":
        try:
            families = scheduler_families(status, read_record(), time.time())
            return render([*families, *cell_families(list_cells())])
        except SchedulerUnavailable:
            status = scheduler_status()
            if status["state"] == "running":  # for a moment it was not
                status = {**status, "state": "stopped"}
    return render(scheduler_families(status, None, time.time()))
