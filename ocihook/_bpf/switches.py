# SPDX-License-Identifier: Apache-2.0
"""Follow which cell comes on which CPU, as the kernel switches tasks (bpf/switches.bpf.h).

The program is attached as long as a ``SwitchStream`` is open, and whatever ends this process ends
the recording: its link is not pinned.
"""

import fcntl
import os
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from ocihook._bpf._libbpf import ffi, lib
from ocihook._bpf.pinned import START_HINT, open_pin
from ocihook._bpf.syscalls import map_lookup, map_sizes, prog_run
from ocihook.abi import SchedulerRecord, SwitchEvent
from ocihook.errors import AbiMismatch, SchedulerUnavailable, SystemCallError
from ocihook.paths import PIN_DIR
from ocihook.timeline.lanes import Switch

READ_BYTES = 1 << 20
"""What is taken from the ring at once: all that it holds."""

AGAIN = "replace it by this version: ocihook scheduler reload"


class SwitchStream:
    """The switches of all CPUs from when the context is entered until it is left."""

    def __init__(self, directory: str = PIN_DIR) -> None:
        """Name the directory of the scheduler's pins; ``__enter__`` opens them."""
        self._directory = directory
        self._buffer = bytearray(READ_BYTES)
        self._link = -1

    def __enter__(self) -> Self:
        """Open ring and programs, throw away what an earlier recording left, and attach.

        Raises:
            SchedulerUnavailable: no scheduler is loaded, or somebody else records.
            AbiMismatch: it was loaded by a version that cannot record.
            SystemCallError: no permission, or the kernel refuses.
        """
        with ExitStack() as opened:
            self._record = self._pin("scheduler", opened)
            if map_sizes(self._record)[1] != SchedulerRecord.LAYOUT.size:
                raise AbiMismatch("the scheduler was loaded by another build", AGAIN)
            self._lock(opened)
            try:
                ring = self._pin("switches", opened)
                program = self._pin("record_switch", opened)
                self._running_on = self._pin("running_on", opened)
            except SchedulerUnavailable:
                # The record above was there, so a scheduler is.
                raise AbiMismatch("the scheduler that runs cannot record", AGAIN) from None
            self._ring = lib.switch_ring(ring)
            if self._ring == ffi.NULL:
                raise SystemCallError("ring buffer of the scheduler", ffi.errno)
            opened.callback(lib.ring_buffer__free, self._ring)
            while self._take():
                pass
            self._link = lib.bpf_raw_tracepoint_open(ffi.NULL, program)
            if self._link < 0:
                raise SystemCallError("attach of record_switch", -self._link)
            self._opened = opened.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.detach()
        self._opened.close()

    def _pin(self, name: str, opened: ExitStack) -> int:
        fd = open_pin(name, self._directory)
        opened.callback(os.close, fd)
        return fd

    def _lock(self, opened: ExitStack) -> None:
        """Hold the ring: of two readers each would get a part."""
        try:
            fd = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:  # stopped a moment ago
            raise SchedulerUnavailable("no ocihook scheduler is loaded", START_HINT) from None
        opened.callback(os.close, fd)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SchedulerUnavailable(
                "another recording is being made", "wait for its end: one at a time"
            ) from None

    def now(self, cpu: int) -> Switch:
        """Return what runs on a CPU now, as if it had just come there; the pid is 0.

        Raises:
            SystemCallError: the program cannot be run.
        """
        context = SwitchEvent(cpu=cpu).pack()
        code = prog_run(self._running_on, context)
        if code < 0:
            raise SystemCallError(f"what runs on CPU {cpu}", -code)
        found: Any = SwitchEvent.LAYOUT.unpack(context)
        switch: Switch = found
        return switch

    def read(self) -> list[Switch]:
        """Return the switches that have not been read, those of each CPU in order of time.

        At most ``READ_BYTES`` of them; what comes later, or does not fit, the next call returns.

        Raises:
            SystemCallError: the ring cannot be read.
        """
        found: Any = SwitchEvent.LAYOUT.iter_unpack(memoryview(self._buffer)[: self._take()])
        return list(found)

    def detach(self) -> None:
        """Record no more; what is in the ring can still be read."""
        if self._link >= 0:
            os.close(self._link)
            self._link = -1

    def exited_ns(self) -> int:
        """Return when the scheduler ended (CLOCK_MONOTONIC), or 0 while it is attached.

        Its record stays readable here after a stop, which removes the pins.
        """
        value = bytearray(SchedulerRecord.LAYOUT.size)
        map_lookup(self._record, 0, value)
        return SchedulerRecord.unpack(value).exited_ns

    def _take(self) -> int:
        taken = lib.switch_ring_read(self._ring, ffi.from_buffer(self._buffer), READ_BYTES)
        if taken < 0:
            raise SystemCallError("read of the ring buffer", -taken)
        return int(taken)
