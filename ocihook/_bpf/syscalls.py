# SPDX-License-Identifier: Apache-2.0
"""System calls that Python's ``os`` lacks, all failing with one error. On the hook's path."""

from ocihook._bpf._syscalls import ffi, lib
from ocihook.errors import SystemCallError

CLONE_NEWCGROUP = 0x02000000
"""include/uapi/linux/sched.h"""


def _checked(what: str, result: int) -> int:
    if result < 0:
        raise SystemCallError(what, -result)
    return result


def setns(fd: int, nstype: int) -> None:
    """Move this process into a namespace of ``fd``, a pidfd or a namespace file (setns(2)).

    Raises:
        SystemCallError: the namespace may not be entered, or the process of the pidfd is gone.
    """
    _checked("setns", lib.join_namespace(fd, nstype))


def cgroup_namespace_root() -> int:
    """Return an fd of the root directory of the caller's cgroup namespace.

    It is the root of a detached cgroup2 mount: no path is parsed and no mount table is touched.
    The inode number of the directory is the cgroup id, as everywhere in cgroup2.

    Raises:
        SystemCallError: the kernel has no cgroup2, or the caller no CAP_SYS_ADMIN.
    """
    return _checked("mount of cgroup2", lib.cgroup_namespace_root())


def open_cgid(mount_fd: int, cgid: int) -> int:
    """Return an fd of the cgroup directory with id ``cgid`` on the cgroup2 mount of ``mount_fd``.

    Raises:
        SystemCallError: no such cgroup (ESTALE), or no CAP_DAC_READ_SEARCH.
    """
    return _checked(f"open of cgroup {cgid}", lib.open_cgid(mount_fd, cgid))


def obj_get(path: str) -> int:
    """Return an fd of the BPF object pinned at ``path``.

    Raises:
        SystemCallError: nothing is pinned there (ENOENT), or it may not be opened.
    """
    return _checked(f"open of pin {path}", lib.bpf_obj_get(path.encode()))


def prog_run(fd: int, context: bytearray) -> int:
    """Run a ``SEC("syscall")`` program with ``context``, which it may change; return its result.

    Raises:
        SystemCallError: the program could not be run at all.
    """
    result = ffi.new("int32_t *")
    _checked(
        "run of BPF program", lib.bpf_prog_run(fd, ffi.from_buffer(context), len(context), result)
    )
    return int(result[0])


def map_lookup(fd: int, key: int, value: bytearray) -> None:
    """Read element ``key`` of an array map into ``value``, which must be as large as it is.

    Raises:
        SystemCallError: no such element.
    """
    _checked(
        f"read of map element {key}",
        lib.bpf_map_lookup(fd, ffi.new("uint32_t *", key), ffi.from_buffer(value)),
    )


def map_lookup_many(fd: int, first: int, count: int, values: bytearray) -> int:
    """Read ``count`` elements of an array map from ``first`` on, of each possible CPU, in one call.

    ``values`` has room for all of them. Returns how many there were.

    Raises:
        SystemCallError: the kernel knows no batches of this map (5.13 has them of per-CPU arrays).
    """
    read = ffi.new("uint32_t *", count)
    keys = ffi.new("uint32_t[]", count)
    _checked(
        f"read of {count} map elements",
        lib.bpf_map_lookup_batch(fd, first, read, keys, ffi.from_buffer(values)),
    )
    return int(read[0])


def map_sizes(fd: int) -> tuple[int, int]:
    """Return the bytes of a key and of a value of a map.

    bpf(2) takes no buffer length, so whoever reads a map compares these first.

    Raises:
        SystemCallError: ``fd`` is not a map.
    """
    key_bytes, value_bytes = ffi.new("uint32_t *"), ffi.new("uint32_t *")
    _checked("size of BPF map", lib.bpf_map_sizes(fd, key_bytes, value_bytes))
    return int(key_bytes[0]), int(value_bytes[0])


def map_max_entries(fd: int) -> int:
    """Return how many elements a map was made for.

    Raises:
        SystemCallError: ``fd`` is not a map.
    """
    max_entries = ffi.new("uint32_t *")
    _checked("size of BPF map", lib.bpf_map_max_entries(fd, max_entries))
    return int(max_entries[0])
