# SPDX-License-Identifier: Apache-2.0
"""A good run loads what stands here, no more and no less; each container start pays for it."""

import json
import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hook_modules import (
    ALLOWED,
    OF_BPF,
    OF_CFFI,
    OF_CONFIGURATION,
    OF_FAILURE,
    OF_OURS,
    OF_OWN_CPUS,
    OF_PATTERNS,
    OF_THE_INTERPRETER,
)

from ocihook import paths
from ocihook.hook import configured
from ocihook.install import launcher

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
import posix as os
from ocihook._bpf import syscalls
syscalls.obj_get = lambda path: os.open("/", os.O_RDONLY)
syscalls.prog_run = lambda fd, context: 0
from ocihook._bpf import pinned
from ocihook.hook import cgroup
cgroup.Cgroup.mark = lambda self, mark: None
cgroup.find = lambda pid, joined: cgroup.Cgroup(77, "/c1", os.open("/", os.O_RDONLY))
"""


FAKE_TABLES = (
    FAKES
    + """
from ocihook.hook import main as program
from ocihook.policy import Policy
program._policy = lambda stage: Policy(own_cpus_max=1)
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
    loaded = set(modules) - OF_THE_INTERPRETER - OF_CFFI
    if stage == "poststop":
        assert loaded <= ALLOWED | OF_OWN_CPUS, "the fakes load more than it does"
    else:
        assert loaded == (OF_OURS | OF_BPF | OF_OWN_CPUS if own else OF_OURS | OF_BPF)


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("[limits]\nweight_max = 5\n", OF_CONFIGURATION),
        ('enrol.exclude.cgroups = ["/a"]\n', OF_CONFIGURATION | OF_PATTERNS),
    ],
    ids=["", "patterns"],
)
def test_a_configuration_that_was_read_before(
    config: Path, text: str, more: set[str], make_state: Callable[..., dict[str, Any]]
) -> None:
    config.write_text(text)
    config.chmod(0o644)
    configured.in_force()
    program = PROGRAM.format(
        directories=list(map(str, launcher.module_directories())),
        stage="createRuntime",
        fakes=f"{FAKES}\nfrom ocihook import paths\n"
        f"paths.CONFIG_FILE, paths.POLICY_FILE = {paths.CONFIG_FILE!r}, {paths.POLICY_FILE!r}\n",
    )
    done = subprocess.run(
        [launcher.find_interpreter(), "-IS", "-c", program],
        input=json.dumps(make_state()).encode(), capture_output=True, check=True, timeout=30,
    )  # fmt: skip
    status, *modules = done.stdout.decode().split()
    assert status == "0"
    assert set(modules) - ALLOWED == more


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


def test_a_failure_loads_what_it_takes_to_tell_of_it(
    make_state: Callable[..., dict[str, Any]], gone_pid: int, tmp_path: Path
) -> None:
    journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    with journal:
        journal.bind(str(tmp_path / "journal"))
        program = PROGRAM.format(
            directories=list(map(str, launcher.module_directories())),
            stage="createRuntime",
            fakes=f"from ocihook import paths; paths.JOURNAL_SOCKET = '{tmp_path}/journal'",
        )
        done = subprocess.run(
            [launcher.find_interpreter(), "-IS", "-c", program],
            input=json.dumps(make_state(pid=gone_pid)).encode(), capture_output=True, check=True,
            timeout=30,
        )  # fmt: skip
        assert journal.recv(4096).startswith(b"MESSAGE=createRuntime: container c1: ")
    assert done.stderr.count(b"\n") == 1
    loaded = set(done.stdout.decode().split()[1:])
    assert "ocihook.hook.journal" in loaded
    assert loaded <= ALLOWED | OF_FAILURE
