# SPDX-License-Identifier: Apache-2.0
"""Which container a cell was for, when its cgroup cannot be asked any more.

On the hook's path.
"""

from ocihook.abi import CellRelease

_FNV_OFFSET = 0xCBF29CE484222325
_FNV_PRIME = 0x100000001B3
_U64 = (1 << 64) - 1


def release(container: str, bundle_hash: int) -> CellRelease:
    """Return the request that frees the cell of a container whose cgroup is gone."""
    return CellRelease(cgid=0, bundle_hash=bundle_hash, container=container.encode())


def bundle_hash(path: str) -> int:
    """Return the FNV-1a 64 hash of a bundle's path (IETF draft-eastlake-fnv).

    The caller resolves symbolic links first: crun gives ``getcwd()`` at
    createRuntime and the path as its caller wrote it at poststop.
    """
    value = _FNV_OFFSET
    for byte in path.encode("utf-8", "surrogateescape"):
        value = ((value ^ byte) * _FNV_PRIME) & _U64
    return value
