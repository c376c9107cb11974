# SPDX-License-Identifier: Apache-2.0
"""The command line, in this process; tests/runtime runs the real command."""

import errno
import os
import re
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import pytest

import ocihook
from ocihook import cli, errors
from ocihook.cli import cell_tree as tree_command
from ocihook.cli import cells as cells_command
from ocihook.cli import metrics as metrics_command
from ocihook.cli import scheduler as scheduler_command
from ocihook.errors import OcihookError, SystemCallError
from ocihook.sched import loader

Run = Callable[..., Any]


def plain(text: str) -> str:
    """Return text without colours: typer decides about them when it is imported."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def raising(error: Exception) -> Callable[..., NoReturn]:
    def fail(*_arguments: object) -> NoReturn:
        raise error

    return fail


EXIT_CODES = {
    "OcihookError": 70, "InputError": 65, "StateError": 65, "BundleError": 65, "BundleMissing": 65,
    "CpulistError": 65, "AnnotationError": 65, "CgroupError": 66, "ProcessGone": 66,
    "ProcessHidden": 66,
    "SchedulerUnavailable": 69, "CellTableFull": 75, "OwnCpusTaken": 75, "DeadlineExceeded": 75,
    "AbiMismatch": 76, "InstallError": 73, "PolicyError": 77, "ConfigError": 78,
}  # fmt: skip
"""As the table at the top of ocihook/errors.py has them."""


def every_error() -> list[OcihookError]:
    """One of each class of ocihook.errors."""
    classes = [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, OcihookError)
    ]
    simple = [each for each in classes if each is not SystemCallError]
    assert len(simple) == len(EXIT_CODES)
    denied = [SystemCallError("pin of link", number) for number in (errno.EPERM, errno.EACCES)]
    return [
        *(each("the thing is so", "do that") for each in simple),
        SystemCallError("pin of link", errno.ENOMEM, "make room"),
        *denied,
    ]


@pytest.mark.parametrize("error", every_error(), ids=repr)
def test_error_is_one_line_and_an_exit_code(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: OcihookError
) -> None:
    monkeypatch.setattr(cells_command, "list_cells", raising(error))
    outcome = run("cells")
    if isinstance(error, SystemCallError):
        assert outcome.status == (71 if error.errno == errno.ENOMEM else 77)
    else:
        assert outcome.status == EXIT_CODES[type(error).__name__]
    assert outcome.stdout == ""
    assert outcome.stderr == f"ocihook: {error}\n"
    if error.hint:
        assert outcome.stderr.endswith(f" ({error.hint})\n")


@pytest.mark.parametrize(
    ("module", "function", "arguments"),
    [
        (loader, "start", ["scheduler", "start"]),
        (loader, "stop", ["scheduler", "stop"]),
        (scheduler_command, "scheduler_status", ["scheduler", "status"]),
        (cells_command, "list_cells", ["cells", "--json"]),
        (cells_command, "list_cells", ["cells", "list"]),
        (tree_command, "list_cells", ["cells", "tree"]),
        (tree_command, "list_cells", ["cells", "tree", "--json"]),
        (metrics_command, "collect", ["metrics"]),
        (cells_command, "sweep", ["gc"]),
    ],
)
def test_every_command_fails_that_way(
    run: Run, monkeypatch: pytest.MonkeyPatch, module: Any, function: str, arguments: list[str]
) -> None:
    monkeypatch.setattr(module, function, raising(errors.AbiMismatch("map x differs", "restart")))
    outcome = run(*arguments)
    assert outcome == (os.EX_PROTOCOL, "", "ocihook: map x differs (restart)\n")


def test_a_mistake_of_ours_is_not_hidden(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells_command, "list_cells", raising(ZeroDivisionError()))
    monkeypatch.setattr(sys, "argv", ["ocihook", "cells"])
    with pytest.raises(ZeroDivisionError):
        cli.main()


def test_version(run: Run) -> None:
    assert run("--version") == (0, f"ocihook {ocihook.__version__}\n", "")


def test_help_names_every_command(run: Run) -> None:
    outcome = run("--help")
    assert (outcome.status, outcome.stderr) == (0, "")
    for command in (
        "scheduler",
        "cells",
        "gc",
        "doctor",
        "install",
        "uninstall",
        "metrics",
        "bundle",
        "version",
    ):
        assert re.search(rf"^\W+{command} ", plain(outcome.stdout), re.MULTILINE)
    below = plain(run("scheduler", "--help").stdout)
    for command in ("start", "stop", "status"):
        assert re.search(rf"^\W+{command} ", below, re.MULTILINE)
    below = plain(run("bundle", "--help").stdout)
    for command in ("inject", "eject"):
        assert re.search(rf"^\W+{command} ", below, re.MULTILINE)
    below = plain(run("cells", "--help").stdout)
    for command in ("list", "show", "set", "tree"):
        assert re.search(rf"^\W+{command} ", below, re.MULTILINE)


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["cells", "--nonsense"], ["cells", "nonsense"],
     ["cells", "--json", "list"],
     ["scheduler", "start", "--host-share", "0"],
     ["scheduler", "start", "--host-share", "91"],
     ["scheduler", "reload", "--host-share", "0"],
     ["scheduler", "reload", "--host-share", "91"]],
)  # fmt: skip
def test_usage_error_calls_nothing(
    run: Run, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setattr(loader, "start", raising(AssertionError()))
    monkeypatch.setattr(loader, "reload", raising(AssertionError()))
    outcome = run(*arguments)
    assert (outcome.status, outcome.stdout) == (2, "")
    assert "Usage: " in plain(outcome.stderr)
