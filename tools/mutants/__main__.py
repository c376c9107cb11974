# SPDX-License-Identifier: Apache-2.0
"""Plant faults and see that tests notice: ``./dev mutants [NAME ...]``."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from .fault import Fault, read_all
from .trial import CLONE, Verdict, attempt, work_tree


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./dev mutants",
        description="plant each fault of tools/mutants/faults in a work tree of HEAD, and run the"
        " tests that must fail over it; exit status 1 if one goes unnoticed",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="(default: all of them)")
    parser.add_argument("--list", action="store_true", help="name them, and try none")
    parser.add_argument("--wheel", type=Path, required=True, help=argparse.SUPPRESS)
    return parser


def _line(fault: Fault, verdict: Verdict, seconds: float) -> str:
    if verdict.trouble:
        word, more = "NOT TRIED", verdict.trouble
    elif verdict.failed:
        word, more = "caught", f"by {verdict.failed[0].rpartition('.')[2]}"
    else:
        word, more = "UNNOTICED", f"by {', '.join(fault.tests)}"
    long = " (long tests)" if fault.long else ""
    return f"{fault.name:28} {word:9} {seconds:5.0f} s  {more}{long}"


def main() -> int:
    """Try the faults that are named, and return the exit status."""
    arguments = _parser().parse_args()
    faults = read_all()
    unknown = set(arguments.names) - {fault.name for fault in faults}
    if unknown:
        print(f"mutants: {', '.join(sorted(unknown))}: no such fault; see --list", file=sys.stderr)
        return os.EX_USAGE
    chosen = [fault for fault in faults if not arguments.names or fault.name in arguments.names]
    if arguments.list:
        for fault in chosen:
            print(f"{fault.name:28} {fault.what}")
        return os.EX_OK
    caught = 0
    scratch = tempfile.TemporaryDirectory(prefix="mutants-", dir="/var/tmp")
    with scratch as name, work_tree(Path(name) / "tree") as tree:
        for fault in chosen:
            began_s = time.monotonic()
            verdict = attempt(fault, tree, arguments.wheel, CLONE / "build" / "mutants")
            print(_line(fault, verdict, time.monotonic() - began_s), flush=True)
            caught += bool(verdict.failed)
    print(f"{caught} of {len(chosen)} faults caught")
    return os.EX_OK if caught == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
