# SPDX-License-Identifier: Apache-2.0
"""Choose how the guest runs: on the processor itself where that is proven to work, else emulated.

That /dev/kvm exists and opens says little: under nested virtualisation it is often there and cannot
run a stock kernel. So a real guest is booted once, and the answer kept for this machine's kernel
and processor.
"""

from __future__ import annotations

import io
import os
import platform
import tempfile
from pathlib import Path

from . import cache, parcel
from .errors import RigError
from .kernels import Kernel
from .machine import KVM, TCG, TCG_SINGLE, Accelerator, Machine
from .progress import say, step
from .qemu import Qemu

# A guest on KVM is up in 2 s; emulated it takes 5 s. What needs longer is no gain.
_PROBE_TIMEOUT_S = 20.0


def choose(qemu: Qemu, kernel: Kernel, disk: Path) -> Accelerator:
    """Return the fastest accelerator that works here."""
    if _kvm_works(qemu, kernel, disk):
        return KVM
    if qemu.reliable:
        return TCG
    version = ".".join(map(str, qemu.version))
    say(f"qemu {version}: one thread for all CPUs, because it panics guests with more")
    return TCG_SINGLE


def _kvm_works(qemu: Qemu, kernel: Kernel, disk: Path) -> bool:
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False

    def probe(directory: Path) -> None:
        with step("probing /dev/kvm with a real boot"):
            works = _boots(Machine(qemu, KVM, kernel, disk, cpus=2, memory_mib=1024))
        (directory / "works").write_text("yes" if works else "no")

    # With the rig's own text, so that a mistake in it is not kept as the machine's verdict.
    rig = (Path(__file__).read_text(), Path(__file__).with_name("machine.py").read_text())
    recipe = (
        platform.release(),
        platform.version(),
        _processor(),
        str(qemu.version),
        kernel.release,
        *rig,
    )
    verdict = cache.entry("kvm", *recipe, fill=probe)
    return (verdict / "works").read_text() == "yes"


def _boots(machine: Machine) -> bool:
    with tempfile.TemporaryDirectory(prefix="rig-kvm-") as name:
        directory = Path(name)
        parcel.pack(
            directory / "in.tar", ["true"], site="/none", environment={}, with_dir=None, wheel=None
        )
        parcel.empty(directory / "out.tar")
        try:
            machine.run(directory, io.BytesIO(), _PROBE_TIMEOUT_S)
            return parcel.unpack(directory / "out.tar", None) == 0
        except RigError:
            return False


def _processor() -> str:
    """Return what names this processor, so that another host means another probe."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    wanted = ("vendor_id", "cpu family", "model", "model name", "stepping", "microcode", "flags")
    return "\n".join(sorted({line for line in lines if line.split("\t")[0].strip() in wanted}))
