# SPDX-License-Identifier: Apache-2.0
"""The rig's command line: ``vm ... -- COMMAND``, and ``source SUITE PACKAGE`` for ./dev."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from . import apt, image
from .errors import RigError, Usage
from .run import INITS, Request, run


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(os.EX_USAGE, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="./dev", description="run a command in a guest with a sched_ext kernel")
    verbs = parser.add_subparsers(dest="verb", required=True)

    vm = verbs.add_parser(
        "vm",
        help="run a command in a guest; exit status: its own, "
        "123 on a hanging test, 124 at the end of its time, 125 on a lost guest",
    )
    vm.add_argument(
        "--kernel",
        default="6.18",
        help="6.18, 7.3, 6.18.15, 7.2.12+deb14 ... (default: %(default)s)",
    )
    vm.add_argument(
        "--suite",
        default="trixie",
        choices=image.SUITES,
        help="the guest's Debian (default: %(default)s)",
    )
    vm.add_argument(
        "--init",
        default="plain",
        choices=INITS,
        help="what the guest's first program is (default: the rig's own scripts)",
    )
    vm.add_argument("--cpus", type=int, default=2, metavar="N", help="(default: %(default)s)")
    vm.add_argument(
        "--sockets",
        type=int,
        default=1,
        metavar="N",
        help="sockets that the CPUs are spread over, each with a cache (default: %(default)s)",
    )
    vm.add_argument(
        "--threads", type=int, default=1, metavar="N", help="of each core (default: %(default)s)"
    )
    vm.add_argument(
        "--memory", type=int, default=2048, metavar="MIB", help="(default: %(default)s)"
    )
    vm.add_argument(
        "--timeout", type=float, default=1800, metavar="SECONDS", help="(default: %(default)s)"
    )
    vm.add_argument(
        "--with",
        dest="with_dir",
        type=Path,
        metavar="DIR",
        help="seen at /with (default: this clone)",
    )
    vm.add_argument(
        "--out", type=Path, metavar="DIR", help="where what the guest writes to /out goes"
    )
    vm.add_argument(
        "--beside-others",
        action="store_true",
        help="do not bind the guest's CPUs: it measures nothing, and other guests may run",
    )
    vm.add_argument(
        "--boot-with",
        dest="kernel_arguments",
        default="",
        metavar="TEXT",
        help="arguments for the kernel, beside the rig's own: 'nohz_full=1'",
    )
    vm.add_argument("--wheel", type=Path, help=argparse.SUPPRESS)
    vm.add_argument(
        "command",
        nargs="+",
        metavar="COMMAND",
        help="words of a command, or one text for the shell",
    )

    source = verbs.add_parser(
        "source", help="print a directory with the source of a Debian package, unpacked"
    )
    source.add_argument("suite")
    source.add_argument("package")
    return parser


def _vm(arguments: argparse.Namespace) -> int:
    if arguments.cpus < 1 or arguments.memory < 256 or arguments.timeout <= 0:
        message = "guest: needs a CPU, 256 MiB and some time; see --cpus, --memory, --timeout"
        raise Usage(message)
    # A terminal only if both ends of the output are one: what goes into a file must not be drawn.
    size = os.get_terminal_size() if sys.stdout.isatty() else None
    request = Request(
        command=tuple(arguments.command),
        kernel=arguments.kernel,
        suite=arguments.suite,
        cpus=arguments.cpus,
        sockets=arguments.sockets,
        threads=arguments.threads,
        memory_mib=arguments.memory,
        timeout_s=arguments.timeout,
        with_dir=arguments.with_dir or Path(__file__).parents[2],
        out_dir=arguments.out,
        wheel=arguments.wheel,
        init=arguments.init,
        beside_others=arguments.beside_others,
        kernel_arguments=tuple(arguments.kernel_arguments.split()),
        terminal=(size.columns, size.lines) if size else None,
    )
    return run(request, sys.stdout.buffer)


def main() -> int:
    """Run the command line and return its exit status."""
    arguments = _parser().parse_args()
    # As for Ctrl-C: the guest is ended and its files are removed.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        if arguments.verb == "vm":
            return _vm(arguments)
        print(apt.source(arguments.suite, arguments.package))
        return os.EX_OK
    except RigError as error:
        print(f"rig: {error}", file=sys.stderr)
        return error.status
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
