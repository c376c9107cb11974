# SPDX-License-Identifier: Apache-2.0
"""Boot the guests that the topics need: ``./dev bench sched``.

Two CPUs for delays, which repeat best there (within 3 % on an emulated machine with two cores,
while four CPUs wait for those cores themselves); four for the rest. All variants of a topic are
measured in one boot.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

from .topics import TOPICS

ROUNDS = 5
ROUND_S = 900
"""What a round of all topics may take: over four times the time seen."""

NAMES = [topic.name for topic in TOPICS]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(os.EX_USAGE, f"{self.prog}: {message}\n")


def _parser() -> _Parser:
    parser = _Parser(
        prog="./dev bench sched",
        description="measure the scheduler against the kernel's own, in virtual machines",
    )
    parser.add_argument(
        "rounds", nargs="?", type=int, default=ROUNDS, help="(default: %(default)s)"
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=NAMES,
        metavar="NAME",
        help=f"measure this one; may be repeated: {', '.join(NAMES)}",
    )
    parser.add_argument("--kernel", help="as of ./dev vm")
    parser.add_argument("--suite", help="as of ./dev vm")
    parser.add_argument("--cpus", type=int, metavar="N", help="one boot with N CPUs for all")
    parser.add_argument("--wheel", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--with", dest="with_dir", required=True, help=argparse.SUPPRESS)
    return parser


def boots(names: list[str], cpus: int | None) -> dict[int, list[str]]:
    """Return the names of the topics by the CPUs of the guest that they are measured in."""
    found: dict[int, list[str]] = {}
    for topic in TOPICS:
        if topic.name in names:
            found.setdefault(cpus or topic.cpus, []).append(topic.name)
    return found


def _host(cpus: int) -> str:
    """Say how busy this machine was: what does not come from the guest disturbed it."""
    load = os.getloadavg()[1]
    return (
        f"this machine: {os.cpu_count()} CPUs, load average of the last 5 minutes {load:.1f}, "
        f"of which the guest makes up to {cpus}\n"
    )


def main() -> int:
    """Boot, measure and print; return the first exit status that is not 0."""
    parser = _parser()
    arguments = parser.parse_args()
    if arguments.rounds < 1:
        parser.error(f"{arguments.rounds} rounds: at least one is needed")
    rig = [sys.executable, "-m", "tests.vm", "vm", "--wheel", arguments.wheel]
    rig += ["--with", arguments.with_dir, "--timeout", str(ROUND_S * arguments.rounds)]
    for option in ("kernel", "suite"):
        if value := getattr(arguments, option):
            rig += [f"--{option}", value]
    for cpus, names in boots(arguments.only or NAMES, arguments.cpus).items():
        command = ["python3", "-m", "bench.sched", str(arguments.rounds), *names]
        done = subprocess.run([*rig, "--cpus", str(cpus), "--", *command], check=False)
        if done.returncode:
            return done.returncode
        print(_host(cpus), flush=True)
    return os.EX_OK


if __name__ == "__main__":
    sys.exit(main())
