# SPDX-License-Identifier: Apache-2.0
"""Ask the running kernel's BTF, through libbpf, whether it can carry a scheduler at all."""

from functools import cache

from ocihook._bpf._libbpf import ffi, lib

KFUNCS = (
    "scx_bpf_create_dsq",
    "scx_bpf_dsq_insert",
    "scx_bpf_dsq_insert_vtime",
    "scx_bpf_dsq_move_to_local",
    "scx_bpf_dsq_move",
    "scx_bpf_dsq_nr_queued",
    "scx_bpf_dump_bstr",
    "scx_bpf_kick_cpu",
    "scx_bpf_test_and_clear_cpu_idle",
    "scx_bpf_pick_idle_cpu",
    "scx_bpf_task_cpu",
    "scx_bpf_nr_cpu_ids",
    "scx_bpf_get_online_cpumask",
    "scx_bpf_put_cpumask",
    "scx_bpf_get_idle_cpumask",
    "scx_bpf_put_idle_cpumask",
    "bpf_iter_scx_dsq_new",
    "scx_bpf_task_set_slice",
)
"""The sched_ext kfuncs of bpf/scx.bpf.h that some build may have malformed."""


class NoKernelBtf(Exception):
    """Raised when the kernel has no readable /sys/kernel/btf/vmlinux."""


@cache
def malformed_kfunc() -> str | None:
    """Return a kfunc whose BTF shows an implicit parameter, or None where all are sound.

    The kernel is asked once in a process.

    Since 7.1 many kfuncs take an implicit ``struct bpf_prog_aux *aux`` that resolve_btfids hides
    from programs. In kernels built with an unfit pahole it stays visible for some of them, and no
    program can call those (sched-ext/scx pull requests 3562 and 3628; Debian's 7.1 and 7.2
    backports to trixie).

    Raises:
        NoKernelBtf: there is no BTF to read.
    """
    names = [ffi.new("char[]", name.encode()) for name in KFUNCS]
    found = lib.kfunc_has_aux(ffi.new("const char *[]", names), len(names))
    if found == -2:
        raise NoKernelBtf
    return KFUNCS[found] if found >= 0 else None


def kernel_has_op(name: str) -> bool:
    """Tell whether this kernel calls that op: whether ``struct sched_ext_ops`` has the member."""
    return bool(lib.kernel_has_member(b"sched_ext_ops", name.encode()) == 1)


def queues_have_a_part_for_each_cpu() -> bool:
    """Tell whether a dispatch queue has a part for each possible CPU, as on 7.3, not on 7.0."""
    return bool(lib.kernel_has_member(b"scx_dispatch_q", b"pcpu") == 1)


def libbpf_version() -> str:
    """Return the version of the libbpf that is linked, like ``1.5.0``."""
    return str(ffi.string(lib.libbpf_version_string()).decode()).removeprefix("v")
