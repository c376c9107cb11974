# SPDX-License-Identifier: Apache-2.0
"""``process.scheduler``: which members go together (sched_setattr(2); runc, configs.Scheduler)."""

from collections.abc import Iterator
from typing import Any

from ocihook.hook.bundle import REALTIME_POLICIES
from ocihook.validate.finding import Finding, error, member, warning

_PATH = ("process", "scheduler")


def check(document: Any) -> Iterator[Finding]:
    """Yield what is wrong with the scheduler of a config.json."""
    scheduler = member(document, dict, *_PATH)
    policy = member(document, str, *_PATH, "policy")
    if scheduler is None or policy is None:
        return
    nice = member(scheduler, int, "nice")
    priority = member(scheduler, int, "priority")
    if nice and policy not in ("SCHED_OTHER", "SCHED_BATCH"):
        yield warning(f"has no effect with {policy[:64]}", *_PATH, "nice")
    if priority and policy not in ("SCHED_FIFO", "SCHED_RR"):
        yield error(f"goes with SCHED_FIFO and SCHED_RR, not {policy[:64]}", *_PATH, "priority")
    if policy in ("SCHED_FIFO", "SCHED_RR") and not 1 <= (priority or 0) <= 99:
        place = _PATH if priority is None else (*_PATH, "priority")
        yield error(f"priority is 1 to 99 for {policy}", *place)
    yield from _deadline(scheduler, policy)
    if policy == "SCHED_DEADLINE":
        yield error("crun 1.21 does not start it; runc, and crun 1.28, do", *_PATH, "policy")
    if policy == "SCHED_ISO":
        yield error("SCHED_ISO is in no kernel, and crun does not know it", *_PATH, "policy")
    if policy in REALTIME_POLICIES:
        yield warning(
            f"{policy} is not for a cell to schedule: real-time tasks go before all cells",
            *_PATH, "policy",
        )  # fmt: skip
        if member(document, str, "linux", "resources", "cpu", "cpus"):
            yield warning(
                f"runc refuses {policy} together with linux.resources.cpu.cpus where the kernel"
                " does",
                *_PATH, "policy",
            )  # fmt: skip


def _deadline(scheduler: dict[str, Any], policy: str) -> Iterator[Finding]:
    times = [member(scheduler, int, name) or 0 for name in ("runtime", "deadline", "period")]
    runtime, deadline, period = times
    if policy != "SCHED_DEADLINE":
        for name, time_ns in zip(("runtime", "deadline", "period"), times, strict=True):
            if time_ns:
                yield error("goes with SCHED_DEADLINE", *_PATH, name)
    elif not 1024 <= runtime <= deadline <= (period or deadline):
        # kernel/sched/deadline.c, __checkparam_dl: DL_SCALE is 10.
        yield error("SCHED_DEADLINE needs 1024 ns <= runtime <= deadline <= period", *_PATH)
