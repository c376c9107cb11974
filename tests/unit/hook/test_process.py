# SPDX-License-Identifier: Apache-2.0
"""The hook's own deadline, shortened: it comes wherever the hook stands, and ends as one line."""

import os
import time
from collections.abc import Callable
from typing import Any

Run = Callable[..., Any]
State = Callable[..., dict[str, Any]]


def test_standard_input_that_never_ends(run_hook: Run) -> None:
    quick = "from ocihook.hook import process; process.prepare.__defaults__ = (0.2,)\n"
    read_end, write_end = os.pipe()
    began_s = time.monotonic()
    with os.fdopen(read_end, "rb") as stdin, os.fdopen(write_end, "wb"):
        run = run_hook("createRuntime", b"", prelude=quick, stdin=stdin)
    assert time.monotonic() - began_s < 5
    assert run.status == 0
    (line,) = run.lines
    assert line.startswith("ocihook: createRuntime: the deadline has passed (")


def test_standard_input_that_never_stops(run_hook: Run) -> None:
    quick = "from ocihook.hook import process; process.prepare.__defaults__ = (0.2,)\n"
    with open("/dev/zero", "rb") as stdin:
        run = run_hook("createRuntime", b"", prelude=quick, stdin=stdin)
    assert run.status == 0
    (line,) = run.lines
    assert line.startswith("ocihook: createRuntime: the deadline has passed (")


def test_the_deadline_comes_though_signals_were_blocked(run_hook: Run) -> None:
    """crun blocks all of them before it runs hooks."""
    quick = (
        "import _signal; _signal.pthread_sigmask(_signal.SIG_SETMASK, _signal.valid_signals())\n"
        "from ocihook.hook import process; process.prepare.__defaults__ = (0.2,)\n"
    )
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb") as stdin, os.fdopen(write_end, "wb"):
        run = run_hook("createRuntime", b"", prelude=quick, stdin=stdin)
    (line,) = run.lines
    assert "the deadline has passed" in line


def test_a_deadline_at_any_moment_is_one_line(
    run_hook: Run, make_state: State, gone_pid: int
) -> None:
    """Also while the stage fails for another reason, and while the deadline is being stopped."""
    seen = set()
    for step in range(40):
        early = f"from ocihook.hook import process; process.prepare.__defaults__ = ({step}e-4,)\n"
        run = run_hook("createRuntime", make_state(pid=gone_pid), prelude=early)
        assert (run.status, len(run.lines)) == (0, 1)
        seen.add("the deadline has passed" in run.lines[0])
        assert "no such process" in run.lines[0] or "the deadline has passed" in run.lines[0]
    assert True in seen


def test_no_deadline_comes_after_the_end(run_hook: Run, make_state: State, gone_pid: int) -> None:
    """A signal that was on its way when the timer was stopped."""
    late = """
import os
from ocihook.hook import process
finish = process.finish
def finish_late():
    finish()
    os.kill(os.getpid(), 14)
process.finish = finish_late
"""
    run = run_hook("createRuntime", make_state(pid=gone_pid), prelude=late)
    assert (run.status, len(run.lines)) == (0, 1)
    assert "no such process" in run.lines[0]
