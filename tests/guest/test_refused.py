# SPDX-License-Identifier: Apache-2.0
"""Kernels whose BTF is malformed: refused, by the name of the kfunc, and nothing is left behind."""

from __future__ import annotations

import os
import re

import pytest
from bundle import Make
from command import ocihook
from kernel import kernel_state

from ocihook._bpf.kernel_btf import KFUNCS
from ocihook.paths import PIN_ROOT

pytestmark = [pytest.mark.runtime, pytest.mark.machine("malformed")]


def test_start_is_refused_with_the_malformed_kfunc_named() -> None:
    done = ocihook("scheduler", "start", check=False)
    assert (done.returncode, done.stdout) == (os.EX_UNAVAILABLE, "")
    named = re.search(r"BTF of kernel (\S+) is malformed: (\w+) has a hidden", done.stderr)
    assert named, done.stderr
    assert named[1] == os.uname().release
    assert named[2] in KFUNCS
    assert "boot 6.18 or 7.3" in done.stderr, "the hint"
    assert kernel_state() == "disabled"
    assert not os.path.exists(PIN_ROOT) or os.listdir(PIN_ROOT) == []


def test_containers_start_all_the_same(runtime: str, make: Make) -> None:
    container = make(runtime, command=("/bin/sleep", "1000")).run()
    assert container.state()["status"] == "running"
