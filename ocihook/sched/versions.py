# SPDX-License-Identifier: Apache-2.0
"""What runs here: ours and what it stands on, as schemas/version.schema.json describes."""

import os
import platform
import sys
from pathlib import Path
from typing import Any

import ocihook
from ocihook._bpf.kernel_btf import NoKernelBtf, libbpf_version, malformed_kfunc
from ocihook.abi import OCIHOOK_ABI_VERSION
from ocihook.paths import SCHED_EXT
from ocihook.sched import probe


def versions(sched_ext: str = SCHED_EXT) -> dict[str, Any]:
    """Return the document. Every user may ask, on every kernel."""
    return {
        "version": ocihook.__version__,
        "package": str(Path(ocihook.__file__).parent),
        "abi": OCIHOOK_ABI_VERSION,
        "libbpf": libbpf_version(),
        "python": platform.python_version(),
        "interpreter": sys.executable,
        "kernel": os.uname().release,
        "machine": os.uname().machine,
        "sched_ext": _sched_ext(sched_ext),
        "btf": _btf(),
    }


def _sched_ext(sched_ext: str) -> dict[str, str | None] | None:
    if not probe.supported(sched_ext):
        return None
    return {"state": probe.kernel_state(sched_ext), "scheduler": probe.running_ops(sched_ext)}


def _btf() -> dict[str, str | None]:
    try:
        kfunc = malformed_kfunc()
    except NoKernelBtf:
        return {"verdict": "missing", "kfunc": None}
    return {"verdict": "malformed" if kfunc else "sound", "kfunc": kfunc}
