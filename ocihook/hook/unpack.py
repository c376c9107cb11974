# SPDX-License-Identifier: Apache-2.0
"""Make modules of code that one file held, in place of an import of each.

Finding and checking 27 .pyc files is a third of all that a run adds to Python's
own start: 1.5 ms. ``ocihook install`` puts the code of all of them into one file
(ocihook/install/pack.py), this module's first, and the launcher runs that. As
with a .pyc file, code counts only while its source is what it was made of; if
one has changed, all are imported as usual.
"""

import posix
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType

    Packed = tuple[str, str, bool, int, int, CodeType]
    """Name, source file, whether it is a package, the file's mtime_ns and size, the code."""


def load(packed: "Sequence[Packed]") -> bool:
    """Make and run all modules of `packed`, in order; False when one is not what its source is.

    Raises:
        OSError: when a source file is gone.
    """
    for _, file, _, mtime_ns, size_bytes, _ in packed:
        status = posix.stat(file)
        if status.st_mtime_ns != mtime_ns or status.st_size != size_bytes:
            return False
    modules = sys.modules
    for name, file, is_package, _, _, code in packed:
        if name in modules:
            continue
        module = type(sys)(name)
        parent, _, leaf = name.rpartition(".")
        module.__file__ = file
        if is_package:
            module.__path__ = [file.rpartition("/")[0]]
        module.__package__ = name if is_package else parent
        modules[name] = module
        try:
            exec(code, module.__dict__)  # noqa: S102 - as an import would
        except BaseException:
            del modules[name]
            raise
        if parent:
            setattr(modules[parent], leaf, module)
    return True
