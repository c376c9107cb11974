# SPDX-License-Identifier: Apache-2.0
import re

from ocihook._bpf.kernel_btf import libbpf_version


def test_libbpf_is_one_that_can_load_the_scheduler() -> None:
    """1.4 is the floor (ocihook/_bpf/libbpf_build.py)."""
    assert re.fullmatch(r"[0-9]+\.[0-9]+(\.[0-9]+)?", libbpf_version())
    assert tuple(map(int, libbpf_version().split(".")[:2])) >= (1, 4)
