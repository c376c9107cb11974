# SPDX-License-Identifier: Apache-2.0
"""The installed program, started in states that runtimes hand over. It ends as ever, and leaves
nothing behind: no file, no process, nobody who holds its output, nothing on standard output."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hostile import Ended, Program, full_pipe, without_raising

State = Callable[..., dict[str, Any]]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


@pytest.fixture
def living() -> Iterator[int]:
    """A process in the test's own cgroup, which must not become a cell."""
    child = subprocess.Popen(["sleep", "60"])
    yield child.pid
    child.kill()
    child.wait()


def demand_usual(ended: Ended, gone_pid: int) -> None:
    """Demand what a container whose process is gone always gives: state and bundle were read."""
    line = f"ocihook: createRuntime: container c1: pid {gone_pid}: no such process"
    assert ended == Ended(0, [line], b"", [])


def limits(**values: int) -> Callable[[], None]:
    def set_them() -> None:
        for name, value in values.items():
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))

    return set_them


def ignore_signals() -> None:
    for number in (signal.SIGALRM, signal.SIGPIPE, signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def as_idle() -> None:
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def as_first_to_be_killed() -> None:
    Path("/proc/self/oom_score_adj").write_text("1000")


def on_one_cpu() -> None:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


LIKE_CRUN: tuple[Callable[[], object], ...] = (
    lambda: signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals()),
    lambda: os.umask(0),
    limits(NOFILE=333, NPROC=1, MEMLOCK=0, FSIZE=0, CORE=0, SIGPENDING=0),
    as_first_to_be_killed,
)
"""All that crun does to itself before it runs createRuntime hooks (seen on 1.8.1)."""

INHERITED: dict[str, Callable[[], object]] = {
    "all signals blocked": LIKE_CRUN[0],
    "signals ignored": ignore_signals,
    "umask 0": LIKE_CRUN[1],
    "oom_score_adj 1000": as_first_to_be_killed,
    "nice 19": lambda: os.nice(19),
    "SCHED_IDLE": as_idle,
    "one CPU": on_one_cpu,
    "no files to write": limits(FSIZE=0),
    "no processes": limits(NPROC=0),
    "no locked memory": limits(MEMLOCK=0),
    "no queued signals": limits(SIGPENDING=0),
    "a second of CPU time": limits(CPU=1),
    "16 files": limits(NOFILE=16),
    "64 MiB of addresses": limits(AS=64 << 20),
    "32 MiB of data": limits(DATA=32 << 20),
    "256 KiB of stack": limits(STACK=256 << 10),
    "all that crun does": lambda: [step() for step in LIKE_CRUN],
}


@pytest.mark.parametrize("state", INHERITED)
def test_it_runs_with_what_it_inherits(
    program: Program, make_state: State, gone_pid: int, state: str
) -> None:
    demand_usual(program.run(make_state(pid=gone_pid), before=INHERITED[state]), gone_pid)


@pytest.mark.parametrize("levels", [190, 900, 100_000])
def test_a_deep_document_on_a_small_stack(
    program: Program, make_state: State, bundle: Path, levels: int
) -> None:
    """The C scanner recurses; what ends it has to be a refusal, and not the end of the stack."""
    (bundle / "config.json").write_text('{"a": ' + "[" * levels + "]" * levels + "}")
    ended = program.run(make_state(), before=limits(STACK=64 << 10))
    line = f"ocihook: createRuntime: container c1: {bundle}/config.json: nested more than 64 deep"
    assert ended == Ended(0, [line], b"", [])


@pytest.mark.parametrize("stage", ["createRuntime", "poststart"])
def test_files_that_run_out_are_named(
    program: Program, make_state: State, living: int, stage: str
) -> None:
    """Four are what Python itself needs; below that it does not start."""
    state = make_state(pid=living)

    def before() -> None:
        without_raising()
        limits(NOFILE=4)()

    ended = program.run(state, stage=stage, before=before)
    (line,) = ended.lines
    assert line.startswith(f"ocihook: {stage}: container c1: ")
    assert line.endswith(": too many open files")
    assert (ended.status, ended.stdout, ended.left) == (0, b"", [])
    required = {"org.ocihook/required": "true"}
    ended = program.run({**state, "annotations": required}, stage=stage, before=before)
    assert ended.status == os.EX_OSERR


@pytest.mark.parametrize("few", [{"NOFILE": 3}, {"AS": 8 << 20}], ids=["3 files", "8 MiB"])
def test_where_python_cannot_start_the_runtime_sees_a_failed_hook(
    program: Program, make_state: State, few: dict[str, int]
) -> None:
    """The program loader's 127: nobody of ours is there to say that the container may start."""
    ended = program.run(make_state(), before=limits(**few))
    assert (ended.status, ended.stdout, ended.left) == (127, b"", [])
    (line,) = ended.lines
    assert "error while loading shared libraries" in line


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1), (1, 2), (0, 1, 2)], ids=str)
def test_closed_standard_streams(
    program: Program, make_state: State, gone_pid: int, closed: tuple[int, ...]
) -> None:
    redirections = " ".join(f"{number}>&-" for number in closed)
    shell = ("/bin/sh", "-c", f'exec "$0" "$@" {redirections}')
    ended = program.run(make_state(pid=gone_pid), wrap=shell)
    assert (ended.status, ended.stdout, ended.left) == (0, b"", [])
    message = "state: empty" if 0 in closed else f"container c1: pid {gone_pid}: no such process"
    assert ended.lines == ([] if 2 in closed else [f"ocihook: createRuntime: {message}"])


def test_standard_input_that_cannot_be_read(program: Program) -> None:
    write_only = os.open(os.devnull, os.O_WRONLY)
    ended = program.run(stdin=write_only)
    os.close(write_only)
    line = "ocihook: createRuntime: standard input: bad file descriptor"
    assert ended == Ended(0, [line], b"", [])


def test_standard_input_that_does_not_block(
    program: Program, make_state: State, gone_pid: int
) -> None:
    """An event loop's end of a pipe: the hook is there before the state is."""
    ended = program.run(make_state(pid=gone_pid), before=lambda: os.set_blocking(0, False))
    demand_usual(ended, gone_pid)


def test_a_mebibyte_of_annotations(program: Program, make_state: State, gone_pid: int) -> None:
    """Sixteen times what a pipe holds; all of it is read, or `communicate` would see EPIPE."""
    annotations = {f"com.example/{number}": "x" * 1024 for number in range(1024)}
    demand_usual(program.run(make_state(pid=gone_pid, annotations=annotations)), gone_pid)


@pytest.mark.parametrize("streams", [("stdout",), ("stderr",), ("stdout", "stderr")], ids=str)
def test_output_that_nobody_reads(
    program: Program, make_state: State, gone_pid: int, streams: tuple[str, ...]
) -> None:
    read_end, write_end = full_pipe()
    began_s = time.monotonic()
    try:
        ended = program.run(make_state(pid=gone_pid), **dict.fromkeys(streams, write_end))
    finally:
        os.close(write_end)
        os.close(read_end)
    assert time.monotonic() - began_s < 10, "not the deadline: a second for the line"
    assert (ended.status, ended.stdout, ended.left) == (0, b"", [])
    assert len(ended.lines) == (0 if "stderr" in streams else 1)


def test_output_whose_reader_has_gone(program: Program, make_state: State, gone_pid: int) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    ended = program.run(make_state(pid=gone_pid), stdout=write_end, stderr=write_end)
    os.close(write_end)
    assert ended == Ended(0, [], b"", [])


def test_a_directory_that_was_deleted(
    program: Program, make_state: State, gone_pid: int, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    ended = program.run(make_state(pid=gone_pid), cwd=gone, before=gone.rmdir)
    demand_usual(ended, gone_pid)
