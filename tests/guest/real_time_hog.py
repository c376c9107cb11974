# SPDX-License-Identifier: Apache-2.0
"""Spin on a CPU at a real-time priority for some seconds, and print the CPU time that it took.

It ends by itself, by nothing that it starves: it reads the clock in a loop and gives up its
priority, which is one system call that waits for nothing. The kernel's means to end such a task
(RLIMIT_RTTIME, a signal of a parent that has a higher priority) failed on 6.18: both CPUs spun for
minutes.
"""

import os
import sys
import time


def main(cpu: int, seconds: float) -> None:
    """Wait for the end of the input and spin."""
    os.sched_setaffinity(0, {cpu})
    before_s = time.process_time()
    print("ready", flush=True)
    sys.stdin.read()
    until_s = time.monotonic() + seconds
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    while time.monotonic() < until_s:
        pass
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    print(time.process_time() - before_s, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
