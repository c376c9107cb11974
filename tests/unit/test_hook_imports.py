# SPDX-License-Identifier: Apache-2.0
"""A good run loads nothing but what stands here; each import is paid at every container start."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ocihook.install import launcher

# What `python3 -IS` has loaded before our first line differs between versions; the test asks it.
OF_THE_INTERPRETER = {
    "_collections_abc", "_stat", "errno", "genericpath", "os", "os.path", "posixpath", "stat",
    "_json", "_signal", "_struct", "struct",
    "_abc", "abc",  # of os; loaded at start before 3.14
}  # fmt: skip
OF_OURS = {
    "ocihook", "ocihook.abi", "ocihook.cell", "ocihook.cpulist", "ocihook.errors", "ocihook.limits",
    "ocihook.mark", "ocihook.paths", "ocihook.record", "ocihook.release",
    "ocihook.hook", "ocihook.hook.annotations", "ocihook.hook.bundle", "ocihook.hook.cgroup",
    "ocihook.hook.fields", "ocihook.hook.json", "ocihook.hook.main", "ocihook.hook.process",
    "ocihook.hook.request", "ocihook.hook.stages", "ocihook.hook.state",
}  # fmt: skip
OF_BPF = {
    "ocihook._bpf", "ocihook._bpf.pinned", "ocihook._bpf.syscalls", "ocihook._bpf._syscalls",
    "_cffi_backend",
    # What the extension makes of itself in sys.modules (cffi, API mode).
    "_syscalls", "ocihook._bpf._syscalls.lib", "_syscalls.lib",
}  # fmt: skip
# For containers that wish CPUs of their own.
OF_OWN_CPUS = {
    "ocihook.grant", "ocihook.own_cpus", "ocihook.topology", "ocihook._bpf.pinned_cells",
}  # fmt: skip
ALLOWED = OF_THE_INTERPRETER | OF_OURS | OF_BPF

PROGRAM = """
import sys
started_with = set(sys.modules)
sys.dont_write_bytecode = True
sys.path += {directories!r}
from ocihook.hook.main import main
{fakes}
status = main(["ocihook-hook", {stage!r}])
print(status, *sorted(set(sys.modules) - started_with))
"""

# The kernel's answers, given where it cannot be asked; all of the code around them runs.
FAKES = """
import os
from ocihook._bpf import syscalls
syscalls.obj_get = lambda path: os.open("/", os.O_RDONLY)
syscalls.prog_run = lambda fd, context: 0
from ocihook._bpf import pinned
from ocihook.hook import cgroup
cgroup.Cgroup.mark = lambda self, mark: None
cgroup.find = lambda pid: cgroup.Cgroup(77, "/c1", os.open("/", os.O_RDONLY))
"""


FAKE_TABLES = (
    FAKES
    + """
from ocihook._bpf import pinned_cells
pinned_cells._element = lambda name, index, size_bytes: bytearray(size_bytes)
"""
)


@pytest.mark.parametrize("stage", ["createRuntime", "poststart", "poststop"])
@pytest.mark.parametrize("own", [False, True], ids=["", "own CPUs"])
def test_a_good_run_imports_what_is_on_the_list(
    stage: str, own: bool, make_state: Callable[..., dict[str, Any]], bundle: Path
) -> None:
    (bundle / "config.json").write_text(
        json.dumps({"linux": {"resources": {"cpu": {"shares": 0, "cpus": "0"}}}})
    )
    program = PROGRAM.format(
        directories=list(map(str, launcher.module_directories())),
        stage=stage,
        fakes=FAKE_TABLES if own else FAKES,
    )
    annotations = {"org.ocihook/cell": "web"} | ({"org.ocihook/cpus": "1"} if own else {})
    done = subprocess.run(
        [launcher.find_interpreter(), "-IS", "-c", program],
        input=json.dumps(make_state(annotations=annotations)).encode(),
        capture_output=True, check=True, env={"PATH": os.defpath}, timeout=30,
    )  # fmt: skip
    assert done.stderr == b""
    status, *modules = done.stdout.decode().split()
    assert status == "0"
    assert set(modules) <= (ALLOWED | OF_OWN_CPUS if own else ALLOWED)
    needed = {"ocihook.hook.stages", "ocihook._bpf.pinned"}
    if own and stage != "poststop":
        needed |= OF_OWN_CPUS
    assert needed <= set(modules)


def test_values_of_unified_import_what_reads_them(
    make_state: Callable[..., dict[str, Any]], bundle: Path
) -> None:
    (bundle / "config.json").write_text(
        json.dumps({"linux": {"resources": {"unified": {"cpu.weight": "7", "cpu.max": "max"}}}})
    )
    program = PROGRAM.format(
        directories=list(map(str, launcher.module_directories())), stage="createRuntime",
        fakes=FAKES,
    )  # fmt: skip
    done = subprocess.run(
        [launcher.find_interpreter(), "-IS", "-c", program],
        input=json.dumps(make_state(annotations={"org.ocihook/cell": "web"})).encode(),
        capture_output=True, check=True, env={"PATH": os.defpath}, timeout=30,
    )  # fmt: skip
    status, *modules = done.stdout.decode().split()
    assert status == "0"
    assert set(modules) - ALLOWED == {"ocihook.control_file"}


def test_poststop_does_not_load_what_only_others_need(
    make_state: Callable[..., dict[str, Any]],
) -> None:
    program = PROGRAM.format(
        directories=list(map(str, launcher.module_directories())),
        stage="poststop",
        fakes="from ocihook._bpf import pinned; pinned.PIN_DIR = '/nonexistent'",
    )
    done = subprocess.run(
        [launcher.find_interpreter(), "-IS", "-c", program],
        input=json.dumps(make_state(pid=None)).encode(), capture_output=True, check=True,
        timeout=30,
    )  # fmt: skip
    modules = set(done.stdout.decode().split())
    assert not modules & {
        "ocihook.hook.bundle",
        "ocihook.hook.cgroup",
        "ocihook.hook.request",
        "ocihook.cell",
    }
