# SPDX-License-Identifier: Apache-2.0
"""The code of all modules on the hook's path in one file, which the launcher loads at once.

It stands beside the .pyc files and is what they are: made of the sources, for
one version of Python, never trusted past a change. Without it all works, 1.5 ms
later.
"""

import marshal
import os
import sys
from importlib.util import MAGIC_NUMBER
from pathlib import Path

from ocihook.errors import InstallError
from ocihook.hook import unpack
from ocihook.install import files

MAX_BYTES = 1 << 20
"""The launcher reads no more; it is 120,000 by now."""

MODULES = (
    "ocihook",
    "ocihook.errors",
    "ocihook.record",
    "ocihook.abi",
    "ocihook.paths",
    "ocihook.procfs",
    "ocihook.cpulist",
    "ocihook.kernel_cpulist",
    "ocihook.mountinfo",
    "ocihook.policy",
    "ocihook.limits",
    "ocihook.release",
    "ocihook.cell",
    "ocihook.mark",
    "ocihook._bpf",
    "ocihook._bpf.syscalls",
    "ocihook._bpf.pinned",
    "ocihook.hook",
    "ocihook.hook.process",
    "ocihook.hook.annotations",
    "ocihook.hook.json",
    "ocihook.hook.fields",
    "ocihook.hook.state",
    "ocihook.hook.stages",
    "ocihook.hook.main",
    "ocihook.hook.bundle",
    "ocihook.hook.identity",
    "ocihook.hook.cgroup",
    "ocihook.hook.request",
)
"""What a good run imports, each after what it imports itself."""


def path(directory: Path) -> Path:
    """Return where the file is, for the ``sys.path`` entry that holds ``ocihook``."""
    name = f"ocihook-hook.{sys.implementation.cache_tag}.pack"
    return directory / "ocihook" / "hook" / "__pycache__" / name


def content(directory: Path) -> bytes:
    """Return the file's content: Python's magic number, then marshalled code (see `unpack`)."""
    loader = _packed(directory, unpack.__name__)[-1]
    return MAGIC_NUMBER + marshal.dumps((loader, [_packed(directory, name) for name in MODULES]))


def write(directory: Path) -> None:
    """Write the file in one step, mode 0644 whatever the umask is: hooks may be reading it.

    Raises:
        InstallError: when it cannot be written.
    """
    target = path(directory)
    try:
        files.make_directory(target.parent)
        made = content(directory)
    except OSError as error:
        problem = os.strerror(error.errno or 0).lower()
        hint = "run as the owner of that directory, or install the wheel anew"
        raise InstallError(f"{target}: cannot be written: {problem}", hint) from error
    files.replace(target, made, 0o644)


def _packed(directory: Path, name: str) -> "unpack.Packed":
    file = directory.joinpath(*name.split("."))
    is_package = file.is_dir()
    file = file / "__init__.py" if is_package else file.with_suffix(".py")
    status = file.stat()
    # Without docstrings, which are an eighth of it: 0.2 ms at each start.
    code = compile(file.read_bytes(), str(file), "exec", dont_inherit=True, optimize=2)
    return name, str(file), is_package, status.st_mtime_ns, status.st_size, code
