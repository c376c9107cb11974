# SPDX-License-Identifier: Apache-2.0
"""Whether a CPU carries out irq_works, on which much in the kernel waits without a word.

An irq_work that a CPU queues while it goes offline is lost, and keeps all later ones of that CPU
from being carried out: kicks, new memory for BPF programs, and from 7.0 on BPF's timers and SRCU's
grace periods. A perf event wakes up its poller by one (kernel/events/core.c, perf_pending_irq), so
poll(2) tells.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import select
import struct

_PERF_EVENT_OPEN = 298  # x86_64, asm/unistd_64.h
_CLOEXEC = 8
_SOFTWARE, _CPU_CLOCK = 1, 0
_PERIOD_NS = 2_000_000
_ATTR_BYTES = 128
_PATIENCE_MS = 20_000


def runs(cpu: int) -> bool:
    """Return whether a wake-up from that CPU, where a task is busy, comes within 20 s."""
    libc = ctypes.CDLL(None, use_errno=True)
    # struct perf_event_attr: type, size, config, sample_period, sample_type, read_format, flags,
    # wakeup_events.
    attr = struct.pack("<IIQQQQQI", _SOFTWARE, _ATTR_BYTES, _CPU_CLOCK, _PERIOD_NS, 1, 0, 0, 1)
    event = libc.syscall(_PERF_EVENT_OPEN, attr.ljust(_ATTR_BYTES, b"\0"), -1, cpu, -1, _CLOEXEC)
    if event < 0:
        raise OSError(ctypes.get_errno(), f"perf event of CPU {cpu}")
    try:
        with mmap.mmap(event, 2 * mmap.PAGESIZE):
            poller = select.poll()
            poller.register(event, select.POLLIN)
            return bool(poller.poll(_PATIENCE_MS))
    finally:
        os.close(event)
