# SPDX-License-Identifier: Apache-2.0
"""``ocihook scheduler start``, ``stop`` and ``status``."""

import json
from collections.abc import Callable
from typing import Any, NoReturn

import pytest

from ocihook import schema
from ocihook.cli import scheduler as scheduler_command
from ocihook.errors import SchedulerUnavailable
from ocihook.sched import loader, probe

STATUS = {
    "state": "running", "scheduler": "ocihook", "kernel": "6.18.1", "abi": 1, "uptime_s": 90.4,
    "exit": None, "cells": 2,
}  # fmt: skip
ENDED = {"kind": 1026, "code": 0, "reason": "runnable task stall", "message": "sh[42] failed"}
Run = Callable[..., Any]


def raising(error: Exception) -> Callable[..., NoReturn]:
    def fail(*_arguments: object) -> NoReturn:
        raise error

    return fail


def test_start_says_what_it_restored(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "start", lambda: True)
    monkeypatch.setattr(
        scheduler_command, "restore_cells", lambda given_out: (2, ["/a: broken mark"])
    )
    assert run("scheduler", "start") == (
        0,
        "scheduler started, 2 cells restored\n",
        "ocihook: /a: broken mark\n",
    )


def test_start_tells_of_cpus_that_lose_their_ticklessness(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader, "start", lambda: True)
    monkeypatch.setattr(scheduler_command, "restore_cells", lambda given_out: (0, []))
    monkeypatch.setattr(probe, "tickless_at_boot", lambda nohz_full: "1-3")
    assert run("scheduler", "start") == (
        0,
        "scheduler started, 0 cells restored\n",
        "ocihook: CPUs 1-3 have nohz_full=, and are interrupted all the same while the scheduler"
        " runs: by a tick, or by a timer where the kernel leaves the tick off (stop the scheduler"
        " if a task must run there without interrupts)\n",
    )


def test_the_host_share_is_accepted_and_has_no_effect(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader, "start", lambda: True)
    monkeypatch.setattr(scheduler_command, "restore_cells", lambda given_out: (0, []))
    outcome = run("scheduler", "start", "--host-share", "35")
    assert outcome[:2] == (0, "scheduler started, 0 cells restored\n")
    assert outcome[2] == (
        "ocihook: --host-share: has no effect any more: the host's cgroups share CPUs by their own"
        " weights (systemctl set-property NAME CPUWeight=N)\n"
    )


@pytest.mark.parametrize("command", ["start", "reload"])
def test_the_host_share_is_hidden(run: Run, command: str) -> None:
    outcome = run("scheduler", command, "--help")
    assert (outcome.status, outcome.stderr) == (0, "")
    assert "--json" in outcome.stdout
    assert "host-share" not in outcome.stdout


def test_start_of_what_runs_restores_what_an_earlier_one_could_not(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader, "start", lambda: False)
    monkeypatch.setattr(scheduler_command, "restore_cells", lambda given_out: (1, ["/a: broken"]))
    assert run("scheduler", "start") == (
        0,
        "scheduler already runs, 1 cells restored\n",
        "ocihook: /a: broken\n",
    )


@pytest.mark.parametrize(
    ("stopped", "line"),
    [(True, "scheduler stopped\n"), (False, "no ocihook scheduler was loaded\n")],
)
def test_stop(run: Run, monkeypatch: pytest.MonkeyPatch, stopped: bool, line: str) -> None:
    monkeypatch.setattr(loader, "stop", lambda: stopped)
    assert run("scheduler", "stop") == (0, line, "")


def test_status_as_json(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler_command, "scheduler_status", lambda: STATUS)
    outcome = run("scheduler", "status", "--json")
    assert (outcome.status, outcome.stderr) == (0, "")
    assert json.loads(outcome.stdout) == STATUS
    assert schema.findings("scheduler-status", json.loads(outcome.stdout)) == []


HEAD = ["kernel     6.18.1", "abi        1"]
NEXT = "next       ocihook scheduler start"


@pytest.mark.parametrize(
    ("members", "lines"),
    [
        ({}, ["state      running", "scheduler  ocihook", *HEAD, "uptime     90 s",
              "cells      2 and the host"]),
        ({"state": "ejected", "scheduler": None, "uptime_s": None, "exit": ENDED},
         ["state      ejected", *HEAD,
          "ended      runnable task stall: sh[42] failed (kind 1026)", NEXT]),
        ({"state": "stopped", "scheduler": None, "uptime_s": None},
         ["state      stopped", *HEAD, NEXT]),
        ({"state": "foreign", "scheduler": "lavd", "uptime_s": None},
         ["state      foreign", "scheduler  lavd", *HEAD,
          "next       stop that one, then: ocihook scheduler start"]),
        ({"state": "unsupported", "scheduler": None, "uptime_s": None},
         ["state      unsupported", *HEAD,
          "next       boot a kernel with sched_ext; see: ocihook doctor"]),
    ],
    ids=["running", "ejected", "stopped", "foreign", "unsupported"],
)  # fmt: skip
def test_status_as_text(
    run: Run, monkeypatch: pytest.MonkeyPatch, members: dict[str, object], lines: list[str]
) -> None:
    monkeypatch.setattr(scheduler_command, "scheduler_status", lambda: {**STATUS, **members})
    outcome = run("scheduler", "status")
    assert (outcome.status, outcome.stderr) == (0, "")
    assert outcome.stdout.splitlines() == lines


def test_why_it_ended_is_printed_with_no_escapes(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's message begins with the stalled task's name, which is that task's own choice."""
    ended = ENDED | {"message": "\x1b[2J\x1b]0;a\x07[42] failed to run for 30.1s"}
    document = STATUS | {"state": "ejected", "scheduler": None, "uptime_s": None, "exit": ended}
    monkeypatch.setattr(scheduler_command, "scheduler_status", lambda: document)
    outcome = run("scheduler", "status")
    assert "\x1b" not in outcome.stdout
    assert r"\x1b[2J\x1b]0;a\x07[42] failed to run" in outcome.stdout


def test_an_error_is_told_with_no_escapes(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    error = SchedulerUnavailable("the kernel ended the scheduler at once: \x1b[2Jsh[42]", "see\n")
    monkeypatch.setattr(loader, "start", raising(error))
    outcome = run("scheduler", "start")
    assert outcome.stderr == (
        "ocihook: the kernel ended the scheduler at once: \\x1b[2Jsh[42] (see\\n)\n"
    )
