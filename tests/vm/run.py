# SPDX-License-Identifier: Apache-2.0
"""Run one command in a fresh guest and return how it ended: for the command line and the tests."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import BinaryIO, NamedTuple

from . import accel, image, kernels, parcel, qemu
from .errors import GuestTimeout, HungGuest, LostGuest, RigError, Usage
from .machine import KVM, Machine, log_tail
from .progress import say
from .wires import WATCH_PORT

_CONSOLE_LINES = 40
# A static key flipped while another CPU ran over it: QEMU's fault, not the test's (7.2 often, 10.0
# not seen).
_QEMU_FAULT = "Oops: int3"
_PASSED_THROUGH = ("CI", "COLORTERM", "NO_COLOR", "TERM")

INITS = ("plain", "systemd")
"""What runs the command: the rig's own scripts as PID 1, or systemd with a unit for it."""


class Request(NamedTuple):
    """What to run, and in which guest. ``command``: some words, or a single text for the shell."""

    command: tuple[str, ...]
    kernel: str = "6.18"
    suite: str = "trixie"
    cpus: int = 2
    sockets: int = 1
    threads: int = 1  # of each core
    memory_mib: int = 2048
    timeout_s: float = 1800.0
    with_dir: Path | None = None
    out_dir: Path | None = None
    wheel: Path | None = None
    init: str = "plain"  # one of INITS
    beside_others: bool = False  # it measures nothing, and other guests may run
    kernel_arguments: tuple[str, ...] = ()  # beside the rig's own
    terminal: tuple[int, int] | None = None  # columns, lines of the person's terminal


def run(request: Request, output: BinaryIO) -> int:
    """Run the request's command as root in a guest of its own, its output going to ``output``.

    :returns: the command's exit status
    :raises HungGuest: if a test in the guest hangs: the exception names it
    :raises GuestTimeout: if the guest is not done in time
    :raises LostGuest: if the guest dies before it could say how the command ended
    :raises RigError: if the guest cannot be made or started
    """
    if request.suite not in image.SUITES:
        message = f"suite {request.suite}: unknown; say {' or '.join(image.SUITES)}"
        raise Usage(message)
    if request.init not in INITS:
        message = f"init {request.init}: unknown; say {' or '.join(INITS)}"
        raise Usage(message)
    kernel = kernels.find(request.kernel)
    disk = image.find(request.suite)
    emulator = qemu.find()
    accelerator = accel.choose(emulator, kernel, disk.disk)
    machine = Machine(
        emulator,
        accelerator,
        kernel,
        disk.disk,
        request.cpus,
        request.memory_mib,
        request.sockets,
        request.threads,
        request.beside_others,
        request.kernel_arguments,
    )
    how = (
        "KVM"
        if accelerator is KVM
        else f"emulated by QEMU {emulator.version[0]}.{emulator.version[1]}"
    )
    say(f"booting {kernel.release} with Debian {request.suite}: {request.cpus} CPUs, {how}")
    try:
        return start(machine, request, disk.site, output)
    except LostGuest as lost:
        if _QEMU_FAULT not in lost.console:
            raise
        say(f"guest lost to '{_QEMU_FAULT}', a fault of QEMU; once more from the start")
        return start(machine, request, disk.site, output)


def start(machine: Machine, request: Request, site: str, output: BinaryIO) -> int:
    """Start ``machine`` for ``request``, once. The rest is as in :func:`run`."""
    # Not /tmp, which is memory on newer machines: what the guest writes to its disk ends up here.
    directory = Path(tempfile.mkdtemp(prefix="rig-", dir="/var/tmp"))
    console = directory / "console.log"
    try:
        parcel.pack(
            directory / "in.tar",
            request.command,
            site=site,
            environment=_environment(request),
            with_dir=request.with_dir,
            wheel=request.wheel,
            systemd=request.init == "systemd",
        )
        parcel.empty(directory / "out.tar")
        try:
            machine.run(directory, output, request.timeout_s)
        except GuestTimeout as timeout:
            _keep(timeout, request.out_dir)
            raise
        status = parcel.unpack(directory / "out.tar", request.out_dir)
        if status is None:
            message = f"guest: lost without a result; its last words:\n{_last_words(directory)}"
            raise LostGuest(message, console=log_tail(console, 10_000))
        return status
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _keep(timeout: GuestTimeout, out_dir: Path | None) -> None:
    """Add what the kernel said of its hang to a file beside the results."""
    if out_dir:
        out_dir.mkdir(parents=True, exist_ok=True)
        with (out_dir / HANG).open("a") as file:
            file.write(f"{timeout}\n")


def _last_words(directory: Path) -> str:
    """Return what QEMU and the guest's kernel said last."""
    tails = (
        log_tail(directory / "qemu.log", _CONSOLE_LINES),
        log_tail(directory / "console.log", _CONSOLE_LINES),
    )
    return "\n".join(f"    {line}" for tail in tails for line in tail.splitlines())


def _environment(request: Request) -> dict[str, str]:
    passed = {name: value for name, value in os.environ.items() if name.startswith("OCIHOOK_")}
    passed |= {name: os.environ[name] for name in _PASSED_THROUGH if name in os.environ}
    columns, lines = request.terminal or ("", "")
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    fixed = {"PATH": path, "HOME": "/root", "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
    rig = {"RIG_COLUMNS": str(columns), "RIG_LINES": str(lines), "RIG_INIT": request.init}
    rig["RIG_WATCH"] = WATCH_PORT
    return passed | fixed | rig


HANG = "hang.txt"
"""In the directory of the results: what a guest's kernel said that did not end in time."""

__all__ = ["GuestTimeout", "HungGuest", "LostGuest", "Request", "RigError", "run"]
