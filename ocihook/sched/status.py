# SPDX-License-Identifier: Apache-2.0
"""How the scheduler does: running, ejected and why, or what stands in its way."""

import os
import time
from typing import Any

from ocihook.abi import OCIHOOK_ABI_VERSION, SchedulerRecord
from ocihook.errors import SchedulerUnavailable
from ocihook.sched import pins, probe
from ocihook.sched.loader import is_running, read_record

NS_PER_S = 1_000_000_000


def _record() -> SchedulerRecord | None:
    # Not asked where there can be none: systemd mounts bpffs with mode 0700, and every user may
    # learn that the kernel has no sched_ext.
    if not probe.supported():
        probe.require_sysfs()
        return None
    try:
        return read_record()
    except SchedulerUnavailable:
        return None


def _state(record: SchedulerRecord | None) -> str:
    if not probe.supported():
        return "unsupported"
    if is_running():
        return "running"
    if probe.running_ops() is not None:
        pins.require_own()
        return "foreign"
    return "ejected" if record is not None else "stopped"


def _exit(record: SchedulerRecord) -> dict[str, Any]:
    return {
        "kind": record.exit_kind,
        "code": record.exit_code,
        "reason": record.exit_reason.decode(errors="replace"),
        "message": record.exit_message.decode(errors="replace"),
    }


def scheduler_status() -> dict[str, Any]:
    """Return what schemas/scheduler-status.schema.json describes.

    Raises:
        AbiMismatch: what is pinned was made by another build.
        SchedulerUnavailable: pins are out of sight, or no sysfs is there to ask.
    """
    record = _record()
    state = _state(record)
    running = record if state == "running" else None
    uptime_s = None
    if running is not None:
        uptime_s = round(
            (time.clock_gettime_ns(time.CLOCK_MONOTONIC) - running.attached_ns) / NS_PER_S, 3
        )
    return {
        "state": state,
        "scheduler": probe.running_ops(),
        "kernel": os.uname().release,
        "abi": OCIHOOK_ABI_VERSION,
        "uptime_s": uptime_s,
        "exit": _exit(record) if record is not None and state == "ejected" else None,
        "cells": running.nr_live if running is not None else 0,
    }
