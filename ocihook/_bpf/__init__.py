# SPDX-License-Identifier: Apache-2.0
"""The only Python that touches C.

On the hook's path: ``syscalls`` and ``pinned``, with the small extension ``_syscalls``, which calls
the kernel directly. For the command line: ``scheduler_object`` and ``kernel_btf``, with the
extension ``_libbpf``, which has libbpf inside, and ``pinned_array``. The hook never maps libbpf.
"""
