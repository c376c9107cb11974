# SPDX-License-Identifier: Apache-2.0
"""Measure one run of the hook as a whole process: ``./dev bench hook [ROUNDS]``.

On this machine and as root; no scheduler is needed. All is real, from the interpreter's start over
a captured state to the mark on the container's cgroup, but the bpf(2) calls at the end. The measure
is Debian's one other OCI hook, which is asked for no more than its version. A round starts every
program once, in turn, so what is compared was measured within a tenth of a second.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.vm import programs

from .hook_container import ENVIRONMENT, container, hook_program
from .table import show_bars, show_figures
from .topic import Bar, Figures, Round, Topic, ratio
from .variant import Variant

ROUNDS = 100
WARM_UP_ROUNDS = 3
PEER = "oci-seccomp-bpf-hook"

HOOK, OTHER, BARE, NOTHING = "ocihook-hook", f"{PEER} --version", "python3 -IS", "true"
WALL, CPU = "wall clock (ms)", "CPU time (ms)"


class Program:
    """What is started: arguments, environment, and the file that is its standard input."""

    def __init__(self, arguments: list[str], stdin: Path, **environment: str) -> None:
        self.arguments = arguments
        self.stdin = stdin
        self.environment = ENVIRONMENT | environment

    def measure(self) -> Figures:
        """Run it; both figures count from before the fork to the reaped process."""
        opens = [
            (os.POSIX_SPAWN_OPEN, 0, str(self.stdin), os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        ]
        began_ns = time.perf_counter_ns()
        pid = os.posix_spawn(
            self.arguments[0], self.arguments, self.environment, file_actions=opens
        )
        _, status, usage = os.wait4(pid, 0)
        wall_ms = (time.perf_counter_ns() - began_ns) / 1e6
        if status:
            sys.exit(f"{self.arguments[0]}: status {os.waitstatus_to_exitcode(status)}")
        return {WALL: wall_ms, CPU: (usage.ru_utime + usage.ru_stime) * 1e3}


def topic(found: dict[str, Program]) -> Topic:
    """Return the question in the benchmark's form: a variant for each program."""
    return Topic(
        name="hook",
        title="one run, from before the fork to the reaped process",
        cpus=os.cpu_count() or 1,
        variants=tuple(Variant(name, False, ()) for name in found),
        measure=lambda variant: found[variant.name].measure(),
        bars=(
            Bar(f"one run, against {OTHER}", "<=", 0.5, "x", ratio(WALL, HOOK, OTHER)),
            Bar(f"its CPU time, against {OTHER}", "<=", 0.5, "x", ratio(CPU, HOOK, OTHER)),
        ),
    )


def measure(question: Topic, rounds: int) -> list[Round]:
    """Measure all variants in turn; the first rounds fill the caches and do not count."""

    def one() -> Round:
        return {variant.name: question.measure(variant) for variant in question.variants}

    for _ in range(WARM_UP_ROUNDS):
        one()
    return [one() for _ in range(rounds)]


def main() -> int:
    """Measure and print; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="./dev bench hook",
        description=f"measure one run of the hook, against {OTHER}",
    )
    parser.add_argument(
        "rounds", nargs="?", type=int, default=ROUNDS, help="(default: %(default)s)"
    )
    rounds = parser.parse_args().rounds
    if rounds < 1:
        parser.error(f"{rounds} rounds: at least one is needed")
    peer = programs.unpacked(PEER)
    with tempfile.TemporaryDirectory() as name, container(Path(name)) as state:
        directory = Path(name)
        launcher, bare = hook_program(directory)
        found = {
            HOOK: Program([str(launcher), "createRuntime"], state),
            OTHER: Program(
                [str(peer.find(PEER)), "--version"], state, LD_LIBRARY_PATH=peer.library_path
            ),
            BARE: Program([str(bare)], state),
            NOTHING: Program(["/bin/true"], state),
        }
        question = topic(found)
        done = measure(question, rounds)
    show_figures(question, done)
    show_bars([(question, done)])
    load = os.getloadavg()[0]
    print(f"load average of the last minute {load:.1f}, of which this is up to 1")
    return os.EX_OK


if __name__ == "__main__":
    sys.exit(main())
