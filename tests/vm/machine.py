# SPDX-License-Identifier: Apache-2.0
"""The virtual machine: its command line, its life, and its end."""

from __future__ import annotations

import os
import re
import selectors
import subprocess
import time
from pathlib import Path
from typing import BinaryIO, NamedTuple

from . import image
from .errors import GuestTimeout, HungGuest
from .kernels import Kernel
from .qemu import Qemu
from .steady import make_steady
from .wires import Wires

_READ_BYTES = 1 << 16
_WATCH_S = 1.0
# QEMU stops such a guest but stays, and would be taken for a hang. Seen with nested KVM that cannot
# run what the guest runs.
_STUCK = b"KVM internal error"
_KERNEL_ARGUMENTS = (
    "console=ttyS0",
    "quiet",
    "panic=-1",  # with -no-reboot a panic ends QEMU at once
    "sysrq_always_enabled",  # Debian's default leaves out what a hung guest is asked for
    "oops=panic",  # a guest that has oopsed proves nothing any more
    "mitigations=off",
    "rcupdate.rcu_cpu_stall_timeout=120",  # on a loaded machine an emulated CPU is away for long
    f"root=PARTUUID={image.PARTUUID}",
    "rootwait=30",  # without a number it hangs silently for ever if the disk is not found
    "rw",
    "init=/sbin/rig-boot",
)


class Accelerator(NamedTuple):
    """How the guest's instructions are run: QEMU's ``-accel`` and ``-cpu``."""

    accel: str
    cpu: str


KVM = Accelerator("kvm", "host")
# la57: five-level page tables double the cost of every emulated page walk. erms, fsrm: the kernel
# copies and clears memory byte by byte with them, which takes twice as long emulated. The others
# end a block of translated code wherever the kernel touches memory of a process.
_CPU = "max,la57=off,erms=off,fsrm=off,smap=off,smep=off,umip=off"
TCG = Accelerator("tcg,thread=multi", _CPU)
TCG_SINGLE = Accelerator("tcg,thread=single", _CPU)


class Machine(NamedTuple):
    """A virtual machine to start: what it is made of."""

    qemu: Qemu
    accelerator: Accelerator
    kernel: Kernel
    disk: Path
    cpus: int
    memory_mib: int
    sockets: int = 1
    threads: int = 1
    beside_others: bool = False
    kernel_arguments: tuple[str, ...] = ()

    def arguments(self, in_tar: Path, out_tar: Path, wires: Wires) -> list[str]:
        """Return the command that starts it; the guest writes to its standard output."""
        # fmt: off
        cpus = f"{self.cpus},sockets={self.sockets},threads={self.threads}"
        words = " ".join((*_KERNEL_ARGUMENTS, *self.kernel_arguments))
        command = [
            self.qemu.program, *self.qemu.arguments,
            "-M", "q35", "-nodefaults", "-no-reboot", "-display", "none", "-nic", "none",
            "-accel", self.accelerator.accel, "-cpu", self.accelerator.cpu,
            "-smp", cpus, "-m", str(self.memory_mib),
            "-name", "guest,debug-threads=on",
            "-device", "virtio-serial-pci", "-device", "virtconsole,chardev=h",
            "-chardev", "stdio,id=h,signal=off",
            *wires.arguments(),
            "-kernel", str(self.kernel.vmlinuz), "-append", words,
            "-device", "nvme,id=n,serial=rig",
        ]
        for nsid, (file, snapshot) in enumerate(
            ((self.disk, "on"), (in_tar, "on"), (out_tar, "off")), start=1
        ):
            drive = f"file={file},format=raw,if=none,id=d{nsid},snapshot={snapshot},cache=unsafe"
            command += ["-drive", drive, "-device", f"nvme-ns,bus=n,nsid={nsid},drive=d{nsid}"]
        # fmt: on
        return command

    def run(self, directory: Path, output: BinaryIO, timeout_s: float) -> None:
        """Start it with in.tar and out.tar of ``directory`` and pass its output on until it ends.

        :raises HungGuest: if what the guest announced has not ended in its time
        :raises GuestTimeout: if it has not ended after ``timeout_s``; it is gone in both cases
        """
        log = directory / "qemu.log"
        with Wires(directory / "console.log") as wires, log.open("wb") as errors:
            command = self.arguments(directory / "in.tar", directory / "out.tar", wires)
            # pdeathsig: no guest survives a rig that was killed.
            guest = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=self.qemu.environment() | {"TMPDIR": str(directory)},
                pass_fds=wires.theirs,
            )
            wires.let_go()
            deadline = time.monotonic() + timeout_s
            try:
                if self.accelerator is not KVM:
                    # setpriv is gone by now: it became QEMU.
                    make_steady(guest.pid, self.cpus, beside_others=self.beside_others)
                while _pass_on(guest, output, wires, deadline):
                    if _STUCK in log.read_bytes():
                        return
                    if wires.watch.is_over():
                        raise HungGuest(wires.watch.name, report=wires.kernel_report())
                    if time.monotonic() >= deadline:
                        message = f"guest: not done after {timeout_s:.0f} s; try a longer --timeout"
                        raise GuestTimeout(message, report=wires.kernel_report())
                guest.wait()
            finally:
                guest.kill()
                guest.communicate()


def _pass_on(
    guest: subprocess.Popen[bytes], output: BinaryIO, wires: Wires, deadline: float
) -> bool:
    """Copy the guest's output for a second at most, and return whether there may be more."""
    assert guest.stdout is not None
    until = min(deadline, time.monotonic() + _WATCH_S)
    with selectors.DefaultSelector() as selector:
        selector.register(guest.stdout, selectors.EVENT_READ)
        wires.register(selector)
        while (left_s := min(until, wires.watch.until_s) - time.monotonic()) > 0:
            ready = [key.fileobj for key, _ in selector.select(left_s)]
            wires.read()
            if guest.stdout in ready:
                data = os.read(guest.stdout.fileno(), _READ_BYTES)
                if not data:
                    return False
                output.write(data)
                output.flush()
    return True


def log_tail(path: Path, lines: int) -> str:
    """Return the last ``lines`` lines of a log, without terminal control sequences."""
    if not path.exists():
        return ""
    text = path.read_bytes()[-(1 << 16) :].decode("utf-8", "replace").replace("\r", "")
    return "\n".join(re.sub(r"\x1b[\[c][0-9;?]*[a-zA-Z]?", "", text).splitlines()[-lines:])
