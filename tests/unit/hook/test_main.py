# SPDX-License-Identifier: Apache-2.0
"""The real program in a process of its own: exit status, standard error, what it inherits."""

import json
import os
import pty
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from open_policy import TEXT

from ocihook import cpulist, paths, topology
from ocihook.install import launcher

Run = Callable[..., Any]
State = Callable[..., dict[str, Any]]
REQUIRED = {"org.ocihook/required": "true"}

# This machine's cgroup hierarchy shall not decide what these tests see.
FOUND = """
import os
from ocihook.hook import cgroup
cgroup.find = lambda pid, joined: cgroup.Cgroup(77, "/c1", os.open("/", os.O_RDONLY))
cgroup.Cgroup.mark = lambda self, mark: None
"""
ABSENT = "from ocihook._bpf import pinned; pinned.PIN_DIR = '/nonexistent'\n"
"""No scheduler, whether this machine has one or not."""


@pytest.mark.parametrize("stage", ["createRuntime", "poststart", "poststop"])
@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"", "state: empty"),
        (b"{", "state: not JSON: Expecting property name"),
        (b'{"id": "c1"', "state: not JSON: Expecting ',' delimiter"),
        (b"\x00\xff", "state: not JSON: 'utf-8' codec"),
        (b"[]", "state: not a JSON object"),
        (b"{}", "state: id: missing"),
        (b'{"id": "a\\nb/", "bundle": "/b"}', "state: id: not the name of a directory"),
    ],
)
def test_bad_state_is_one_line(run_hook: Run, stage: str, data: bytes, cause: str) -> None:
    run = run_hook(stage, data)
    assert (run.status, run.stdout) == (0, b"")
    (line,) = run.lines
    assert line.startswith(f"ocihook: {stage}: {cause}")


def test_a_process_that_is_gone(run_hook: Run, make_state: State, gone_pid: int) -> None:
    state = make_state(pid=gone_pid)
    run = run_hook("createRuntime", state)
    assert run.status == 0
    assert run.lines == [f"ocihook: createRuntime: container c1: pid {gone_pid}: no such process"]
    required = run_hook("createRuntime", {**state, "annotations": REQUIRED})
    assert (required.status, required.lines) == (os.EX_NOINPUT, run.lines)


def test_a_process_that_is_gone_is_normal_at_poststart(
    run_hook: Run, make_state: State, gone_pid: int
) -> None:
    run = run_hook("poststart", make_state(pid=gone_pid, annotations=REQUIRED))
    assert (run.status, run.lines) == (0, [])


@pytest.mark.parametrize("stage", ["createRuntime", "poststart"])
def test_a_broken_bundle(run_hook: Run, make_state: State, stage: str, bundle: Path) -> None:
    (bundle / "config.json").write_text("{")
    run = run_hook(stage, make_state())
    assert run.status == 0
    (line,) = run.lines
    assert line.startswith(f"ocihook: {stage}: container c1: {bundle}/config.json: not JSON: ")
    required = run_hook(stage, make_state(annotations=REQUIRED))
    assert (required.status, required.lines) == (os.EX_DATAERR, run.lines)


REGISTERS = """
from ocihook._bpf import pinned
from ocihook.hook.cgroup import Cgroup
pinned.register = lambda request: (3, 1)
Cgroup.mark = lambda self, mark: None
"""
"""A scheduler that takes what comes."""


@pytest.mark.parametrize("stage", ["createRuntime", "poststart"])
def test_a_missing_bundle(run_hook: Run, make_state: State, stage: str) -> None:
    state = make_state(bundle="/nonexistent", annotations=REQUIRED)
    run = run_hook(stage, state, prelude=FOUND + REGISTERS, env={})
    assert run.status == 0
    assert run.lines == [
        f"ocihook: {stage}: container c1: /nonexistent/config.json: no such file or directory "
        "(the cell is as annotations and cgroup say, without execCPUAffinity)"
    ]


def test_a_real_time_container_has_its_cell_and_a_line_says_what_that_is_worth(
    run_hook: Run, make_state: State, bundle: Path
) -> None:
    config = {"process": {"scheduler": {"policy": "SCHED_FIFO", "priority": 5}}}
    (bundle / "config.json").write_text(json.dumps(config))
    run = run_hook("createRuntime", make_state(annotations=REQUIRED), prelude=FOUND + REGISTERS)
    assert run.status == 0
    assert run.lines == [
        "ocihook: createRuntime: container c1: "
        "process.scheduler.policy SCHED_FIFO: not for a cell to schedule "
        "(real-time tasks go before all cells; the container's other tasks are in its own)"
    ]


@pytest.mark.parametrize("stage", ["createRuntime", "poststart"])
def test_no_scheduler(run_hook: Run, make_state: State, stage: str) -> None:
    run = run_hook(stage, make_state(), prelude=FOUND + ABSENT)
    assert run.status == 0
    assert run.lines == [
        f"ocihook: {stage}: container c1: no ocihook scheduler is loaded "
        "(start it with: ocihook scheduler start)"
    ]
    required = run_hook(stage, make_state(annotations=REQUIRED), prelude=FOUND + ABSENT)
    assert (required.status, required.lines) == (os.EX_UNAVAILABLE, run.lines)


def test_required_of_config_json_counts(run_hook: Run, make_state: State, bundle: Path) -> None:
    (bundle / "config.json").write_text(json.dumps({"annotations": REQUIRED}))
    run = run_hook("createRuntime", make_state(), prelude=FOUND + ABSENT)
    assert run.status == os.EX_UNAVAILABLE


def test_no_scheduler_at_poststop_is_success(run_hook: Run, make_state: State) -> None:
    run = run_hook("poststop", make_state(pid=None), prelude=ABSENT)
    assert (run.status, run.lines) == (0, [])


def test_poststop_never_fails(run_hook: Run, make_state: State) -> None:
    broken = "from ocihook._bpf import pinned; pinned.unregister = None\n"
    run = run_hook("poststop", make_state(annotations=REQUIRED), prelude=broken)
    assert run.status == 0
    assert len(run.lines) == 1


OWNED = """
from ocihook._bpf import pinned, pinned_cells
from ocihook.abi import Cell
pinned.register = pinned.update = lambda request: (3, 1)
pinned_cells.cell_in_charge = lambda slot: (slot, Cell())
pinned_cells.owned_cpus = lambda: (1 << 1024) - 1
"""
"""A scheduler in which every CPU is somebody's own."""


def test_too_few_own_cpus(run_hook: Run, make_state: State, config: Path) -> None:
    """The container starts with what there is, and a line says what is missing; or it does not."""
    config.write_text(TEXT)
    config.chmod(0o644)
    wish = {"org.ocihook/cpus": "2"}
    run = run_hook("createRuntime", make_state(annotations=wish), prelude=FOUND + OWNED)
    assert run.status == 0
    online = cpulist.format(topology.read().online)
    assert run.lines == [
        "ocihook: createRuntime: container c1: own CPUs: 2 wished, 0 granted;"
        f" not granted: {online} (another cell's own)"
        " (once they are free: ocihook scheduler reload)"
    ]
    required = make_state(annotations=wish | REQUIRED)
    refused = run_hook("createRuntime", required, prelude=FOUND + OWNED)
    assert (refused.status, refused.lines) == (os.EX_TEMPFAIL, run.lines)


@pytest.mark.parametrize(
    "wishes", [{"org.ocihook/cel": "web"}, {"org.ocihook/weight": "0"}, {"org.ocihook/cell": "\n"}]
)
def test_bad_annotations(run_hook: Run, make_state: State, wishes: dict[str, str]) -> None:
    run = run_hook("createRuntime", make_state(annotations=wishes))
    assert run.status == 0
    (line,) = run.lines
    assert line.startswith("ocihook: createRuntime: container c1: annotation ")
    required = run_hook("createRuntime", make_state(annotations=wishes | REQUIRED))
    assert required.status == os.EX_DATAERR


@pytest.mark.parametrize("stage", [None, "", "prestart", "createruntime", "a\nb\x1b[2J"])
def test_unknown_stage(run_hook: Run, make_state: State, stage: str | None) -> None:
    run = run_hook(stage, make_state(annotations=REQUIRED))
    assert (run.status, run.stdout) == (0, b"")
    (line,) = run.lines
    assert "unknown stage, nothing done (known: createRuntime, poststart, poststop)" in line
    assert line.isprintable()


def test_an_error_of_our_own_names_its_place(run_hook: Run, make_state: State) -> None:
    broken = "from ocihook.hook import bundle; bundle.read = lambda path: 1 / 0\n"
    run = run_hook("createRuntime", make_state(), prelude=broken)
    assert run.status == 0
    (line,) = run.lines
    assert "internal error: ZeroDivisionError: division by zero at <string>:" in line
    required = run_hook("createRuntime", make_state(annotations=REQUIRED), prelude=broken)
    assert required.status == os.EX_SOFTWARE


def test_a_long_message_is_cut(run_hook: Run, make_state: State) -> None:
    state = make_state(bundle="/" + "x" * 4000)
    run = run_hook("createRuntime", state, prelude=FOUND + REGISTERS)
    (line,) = run.lines
    assert len(line) == 1024


def test_a_package_that_is_gone_does_not_break_containers(run_hook: Run, make_state: State) -> None:
    broken = "import sys; sys.modules['ocihook.hook'] = None\n"
    run = run_hook("createRuntime", make_state(annotations=REQUIRED), prelude=broken)
    assert run.status == 0
    (line,) = run.lines
    assert line.startswith("ocihook: cannot be imported: ModuleNotFoundError")


@pytest.mark.parametrize("closed", ["<&-", "2>&-", "<&- >&- 2>&-"])
def test_a_package_that_is_gone_and_closed_streams(tmp_path: Path, closed: str) -> None:
    program = tmp_path / "ocihook-hook"
    program.write_bytes(launcher.text(directories=(tmp_path,)))
    program.chmod(0o755)
    run = subprocess.run(
        ["/bin/sh", "-c", f'exec "$0" createRuntime {closed}', program],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False,
    )  # fmt: skip
    assert (run.returncode, run.stdout) == (0, b"")


@pytest.mark.parametrize("size_bytes", [200_000, (2 << 20) + 1, (2 << 20) + 200_000])
@pytest.mark.parametrize("stage", ["createRuntime", "unknown"])
def test_all_of_standard_input_is_read(
    run_hook: Run, make_state: State, gone_pid: int, stage: str, size_bytes: int
) -> None:
    """Else the runtime gets EPIPE, which kills crun. Popen.communicate would hide it."""
    state = make_state(pid=gone_pid, annotations={"a": "x" * size_bytes})
    read_end, write_end = os.pipe()
    writer = os.fork()
    if writer == 0:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.close(read_end)
        data = json.dumps(state).encode()
        while data:
            data = data[os.write(write_end, data) :]
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as stdin:
        run = run_hook(stage, b"", stdin=stdin)
    assert os.waitpid(writer, 0)[1] == 0
    assert run.status == 0
    (line,) = run.lines
    if stage == "unknown":
        assert "unknown stage" in line or "more than 2097152" in line
    elif size_bytes > 2 << 20:
        assert "standard input: " in line
        assert " bytes, more than 2097152" in line
    else:
        assert "no such process" in line


def test_memory_that_runs_out(run_hook: Run, make_state: State) -> None:
    broken = """
from ocihook.hook import bundle
def read(directory):
    raise MemoryError
bundle.read = read
"""
    run = run_hook("createRuntime", make_state(), prelude=broken)
    assert run.lines == ["ocihook: createRuntime: container c1: memory: cannot allocate memory"]


def test_a_failure_that_cannot_be_told_keeps_its_status(run_hook: Run, make_state: State) -> None:
    broken = """
from ocihook.hook import bundle, main
def fail(*anything):
    raise MemoryError
bundle.read = main._report = fail
"""
    run = run_hook("createRuntime", make_state(annotations=REQUIRED), prelude=broken)
    assert (run.status, run.lines) == (os.EX_OSERR, ["ocihook: failed, and cannot say why"])


def test_a_terminal(run_hook: Run) -> None:
    master, slave = pty.openpty()
    try:
        with os.fdopen(slave, "rb", buffering=0) as stdin:
            run = run_hook("createRuntime", b"", stdin=stdin)
    finally:
        os.close(master)
    assert run.status == 0
    assert run.lines == [
        "ocihook: createRuntime: standard input: a terminal "
        "(a container runtime calls this program)"
    ]


def test_what_was_inherited_is_reset(run_hook: Run, make_state: State) -> None:
    spy = """
import os, _signal
_signal.pthread_sigmask(_signal.SIG_SETMASK, _signal.valid_signals())
os.umask(0)
from ocihook.hook import stages
def look(state):
    mask = _signal.pthread_sigmask(_signal.SIG_BLOCK, ())
    raise RuntimeError(f"{mask} {os.umask(0):o} {os.getcwd()}")
stages.STAGES["createRuntime"] = look
"""
    (line,) = run_hook("createRuntime", make_state(), prelude=spy).lines
    assert "RuntimeError: set() 77 / at" in line


def test_pins_are_where_the_abi_says() -> None:
    assert paths.PIN_DIR == "/sys/fs/bpf/ocihook/v4"
