# SPDX-License-Identifier: Apache-2.0
"""The run time of a loaded BPF program, as the kernel counts it on request.

By bpf(2) itself: guests have no bpftool, and the scheduler's programs have no pins of their own.
"""

from __future__ import annotations

import ctypes
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

STATS = Path("/proc/sys/kernel/bpf_stats_enabled")
NR_BPF = {"x86_64": 321, "aarch64": 280}
"""asm/unistd_64.h and asm-generic/unistd.h"""

PROG_GET_NEXT_ID, PROG_GET_FD_BY_ID, OBJ_GET_INFO_BY_FD = 11, 13, 15
"""enum bpf_cmd of include/uapi/linux/bpf.h"""

NAME_BYTES = 15
"""BPF_OBJ_NAME_LEN without the NUL: the kernel keeps no more of a name."""


class _Id(ctypes.Structure):
    _fields_ = (("id", ctypes.c_uint32), ("next", ctypes.c_uint32), ("flags", ctypes.c_uint32))


class _Info(ctypes.Structure):
    """The head of struct bpf_prog_info (6.16), as far as it is read; the kernel fills no more."""

    _fields_ = (
        ("before_name", ctypes.c_uint8 * 64),
        ("name", ctypes.c_char * 16),
        ("before_times", ctypes.c_uint8 * 112),
        ("run_time_ns", ctypes.c_uint64),
        ("run_cnt", ctypes.c_uint64),
    )


class _Query(ctypes.Structure):
    _fields_ = (("fd", ctypes.c_uint32), ("length", ctypes.c_uint32), ("info", ctypes.c_uint64))


def _bpf(command: int, attributes: ctypes.Structure) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    number = NR_BPF[platform.machine()]
    result: int = libc.syscall(number, command, ctypes.byref(attributes), ctypes.sizeof(attributes))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"bpf command {command}: {os.strerror(code)}")
    return result


def _info(fd: int) -> _Info:
    info = _Info()
    _bpf(OBJ_GET_INFO_BY_FD, _Query(fd, ctypes.sizeof(info), ctypes.addressof(info)))
    return info


def _open(name: str) -> int:
    """Return an fd of the newest program of this name: older ones may linger."""
    wanted = name.encode()[:NAME_BYTES]
    found = -1
    at = _Id()
    with suppress(FileNotFoundError):
        while True:
            _bpf(PROG_GET_NEXT_ID, at)
            at.id = at.next
            with suppress(FileNotFoundError):  # unloaded meanwhile
                fd = _bpf(PROG_GET_FD_BY_ID, _Id(at.next))
                if _info(fd).name == wanted:
                    found, fd = fd, found
                if fd >= 0:
                    os.close(fd)
    if found < 0:
        raise RuntimeError(f"BPF program {name}: not loaded")
    return found


class ProgramTime:
    """What a program takes from here on, while :func:`counting`."""

    def __init__(self, name: str) -> None:
        """Find the program and remember its counters."""
        self._fd = _open(name)
        self._before = _info(self._fd)

    def since(self) -> tuple[int, int]:
        """Return calls and nanoseconds since this was made; the program is let go of."""
        after = _info(self._fd)
        os.close(self._fd)
        return after.run_cnt - self._before.run_cnt, after.run_time_ns - self._before.run_time_ns


@contextmanager
def counting() -> Iterator[None]:
    """Have the kernel count for every program: two clock reads a call, so not for all the time."""
    before = STATS.read_text()
    STATS.write_text("1\n")
    try:
        yield
    finally:
        STATS.write_text(before)


def per_call(name: str, window_s: float) -> tuple[float, float]:
    """Return a program's nanoseconds for each call, and its calls a second, over a window."""
    with counting():
        program = ProgramTime(name)
        time.sleep(window_s)
        calls, run_ns = program.since()
    return run_ns / calls, calls / window_s
