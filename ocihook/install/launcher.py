# SPDX-License-Identifier: Apache-2.0
"""The text of the hook program: a few lines that start ``ocihook.hook.main``.

Not a console script: pip writes those without ``-IS``, which costs 2 ms, lets
every .pth file of the machine run as root, and lets PYTHONPATH choose the code.
"""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

from ocihook.errors import InstallError
from ocihook.install import pack

SYSTEM_PYTHON = Path("/usr/bin/python3")
"""Preferred when it is what runs now: the name outlives an upgrade of the distribution."""

MARKER = b"# ocihook-hook: "
"""Begins the line by which a launcher is known as ours."""

_MAX_SHEBANG_BYTES = 255
"""The kernel cuts the first line there (BINPRM_BUF_SIZE, Linux 5.1)."""

_BLANKS = frozenset(" \t\n\0")
"""At one of these the kernel takes a name in the first line to end (fs/binfmt_script.c)."""

_TEXT = """\
#!{interpreter} -IS
{marker}written by `ocihook install`; `ocihook uninstall` removes it
import gc, marshal, posix, sys
gc.disable()  # 0.2 ms; what is not in cycles is freed all the same
sys.dont_write_bytecode = True
bounded = True
try:  # crun starts hooks with the container's limits, and root may raise them
    file = posix.open("/proc/self/limits", posix.O_RDONLY | posix.O_CLOEXEC)
    limits = posix.read(file, 4096)
    posix.close(file)
    names = b"cpu time", b"file size", b"data size", b"address space"
    free = [b"Max %-21s unlimited            unlimited " % name in limits for name in names]
    if not all(free) or int(limits.partition(b"Max open files")[2].split()[0]) < 256:
        import resource  # 0.4 ms
        for name in ("CPU", "FSIZE", "DATA", "AS"):
            resource.setrlimit(getattr(resource, "RLIMIT_" + name), (-1, -1))
        files = resource.getrlimit(resource.RLIMIT_NOFILE)
        if files[0] < 256:
            resource.setrlimit(resource.RLIMIT_NOFILE, (256, max(files[1], 256)))
    bounded = False
except Exception:  # they are the user's own, or so narrow that no module can be loaded
    pass
sys.path += {directories!r}
try:
    from _frozen_importlib_external import MAGIC_NUMBER
    file = posix.open({pack!r}, posix.O_RDONLY | posix.O_CLOEXEC)
    data = posix.read(file, {pack_bytes})
    posix.close(file)
    if data[:4] == MAGIC_NUMBER:
        code, packed = marshal.loads(data[4:])
        exec(code, unpack := {{}})
        unpack["load"](packed)
except Exception:  # it is not there, say; what else is wrong the import finds, too
    pass
try:
    from ocihook.hook.main import run
except Exception as error:  # a package that is gone must not keep containers from starting
    try:
        while posix.read(0, 65536):
            pass
        posix.write(2, f"ocihook: cannot be imported: {{error!r}} (reinstall it)\\n".encode())
    finally:  # the two may be closed; want of memory may be the container's doing, to get past us
        narrow = bounded or isinstance(error, MemoryError)
        posix._exit(71 if narrow and sys.argv[1:] != ["poststop"] else 0)
run(sys.argv)
"""


def text(interpreter: Path | None = None, directories: tuple[Path, ...] | None = None) -> bytes:
    """Return the program's text for the Python and the package that run now.

    Args:
        interpreter: instead of :func:`interpreter`'s choice.
        directories: instead of :func:`module_directories`'s.

    Raises:
        InstallError: when the interpreter's path does not fit a ``#!`` line.
    """
    chosen = interpreter or find_interpreter()
    first_line = f"#!{chosen} -IS"
    if len(os.fsencode(first_line)) > _MAX_SHEBANG_BYTES or not _BLANKS.isdisjoint(str(chosen)):
        raise InstallError(
            f"{chosen}: a #! line cannot name this interpreter",
            "install ocihook with a Python whose path is short and has no blanks",
        )
    entries = directories or module_directories()
    return os.fsencode(
        _TEXT.format(
            interpreter=chosen,
            marker=MARKER.decode(),
            directories=[str(entry) for entry in entries],
            pack=str(pack.path(entries[0])),
            pack_bytes=pack.MAX_BYTES,
        )
    )


def is_ours(content: bytes) -> bool:
    """Tell whether `content` is a launcher that :func:`text` has written."""
    return content.startswith(b"#!") and b"\n" + MARKER in content


def find_interpreter() -> Path:
    """Return the Python that runs now, as something that stays.

    The real binary: a pyenv shim adds 190 ms to each start, a virtual
    environment's link may vanish with the environment and is no help under -S.

    Raises:
        InstallError: when the interpreter does not know its own path.
    """
    name = getattr(sys, "_base_executable", None) or sys.executable
    if not name:
        raise InstallError("python: does not know its own path", "start it by its full path")
    real = Path(name).resolve()
    if SYSTEM_PYTHON.exists() and SYSTEM_PYTHON.samefile(real):
        return SYSTEM_PYTHON
    return real


def module_directories() -> tuple[Path, ...]:
    """Return the ``sys.path`` entries that hold ``ocihook`` and ``_cffi_backend``.

    Raises:
        InstallError: when one of the two is not installed as files.
    """
    found: dict[Path, None] = {}
    for module, above in (("ocihook", 2), ("_cffi_backend", 1)):
        spec = find_spec(module)
        if spec is None or not spec.origin or not os.path.isabs(spec.origin):
            raise InstallError(f"module {module}: not found as a file", "install ocihook with pip")
        found[Path(spec.origin).resolve().parents[above - 1]] = None
    return tuple(found)
