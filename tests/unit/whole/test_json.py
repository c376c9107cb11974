# SPDX-License-Identifier: Apache-2.0
"""What programs read of the commands that do something: each document follows its schema."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import commands

from ocihook import schema
from ocihook.abi import CellSweep
from ocihook.cell import CellSpec
from ocihook.cli import cell_set
from ocihook.cli import cells as cells_command
from ocihook.cli import scheduler as scheduler_command
from ocihook.sched import loader
from ocihook.sched.cell_set import Outcome
from ocihook.sched.dump import Dump

Run = Callable[..., Any]
MS = 1_000_000


@pytest.fixture
def document(run: Run) -> Callable[..., Any]:
    """Run a command with --json, have its schema judge, and return what it printed."""

    def read(name: str, *words: str, status: int = 0, stderr: str = "") -> Any:
        outcome = run(*words, "--json")
        assert (outcome.status, outcome.stderr) == (status, stderr)
        found = json.loads(outcome.stdout)
        assert schema.findings(name, found) == []
        return found

    return read


def test_start(document: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [False, True]
    monkeypatch.setattr(loader, "start", lambda: not runs.pop())
    monkeypatch.setattr(scheduler_command, "restore_cells", lambda given_out: (2, ["/a: broken"]))
    for started in (False, True):
        found = document("scheduler-start", "scheduler", "start", stderr="ocihook: /a: broken\n")
        assert found == {"started": started, "cells_restored": 2, "failures": ["/a: broken"]}


@pytest.mark.parametrize("loaded", [True, False])
def test_stop(document: Run, monkeypatch: pytest.MonkeyPatch, loaded: bool) -> None:
    monkeypatch.setattr(loader, "stop", lambda: loaded)
    assert document("scheduler-stop", "scheduler", "stop") == {"stopped": loaded}


def test_dump_has_the_kernels_lines_as_they_are(
    document: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Dump(["CPU 0: x", "  \x1b[2Jdeep"], 7)
    monkeypatch.setattr(scheduler_command, "dump_scheduler", lambda: found)
    assert document("scheduler-dump", "scheduler", "dump") == {
        "lines": ["CPU 0: x", "  \x1b[2Jdeep"], "lost": 7,
    }  # fmt: skip


def test_gc(document: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells_command, "sweep", lambda: CellSweep(claims=1, dead=2, drained=3))
    assert document("sweep", "gc") == {"claims": 1, "dead": 2, "drained": 3}


@pytest.mark.parametrize("bare", [True, False])
def test_set_shows_all_that_can_be_set(
    document: Run, monkeypatch: pytest.MonkeyPatch, bare: bool
) -> None:
    wished: dict[str, Any] = {
        "weight": 300, "own": 0b1100, "quota_ns": 50 * MS, "period_ns": 100 * MS, "burst_ns": MS,
        "lend": False, "borrow": False,
    }  # fmt: skip
    spec = CellSpec(container="c", bundle_hash=1, name="web", **({} if bare else wished))
    warnings = () if bare else ("/c: mark: no space left on device",)
    outcome = Outcome(3, spec, warnings)
    monkeypatch.setattr(cell_set, "change_cell", lambda _which, _change, given_out: outcome)
    told = "".join(f"ocihook: {line}\n" for line in warnings)
    found = document("cell-change", "cells", "set", "web", "--weight", "300", stderr=told)
    assert found["quota"] == (
        None if bare else {"quota_us": 50_000, "period_us": 100_000, "burst_us": 1000}
    )
    assert {name: found[name] for name in ("cell", "weight", "own_cpus", "lend", "borrow")} == {
        "cell": 3, "weight": 100 if bare else 300, "own_cpus": "" if bare else "2-3",
        "lend": bare, "borrow": bare,
    }  # fmt: skip
    assert found["warnings"] == list(warnings)


@pytest.mark.parametrize(
    ("text", "status", "problems"),
    [
        (None, 0, []),
        ("limits.weight_max = 5", 0, []),
        ("limits.weight_max = 0\nenrol.who = 1", 78, ["limits.weight_max: 0", "enrol.who: 1"]),
        ("limits", 78, [":1: "]),
    ],
)
def test_config_check(
    document: Run, config: Path, tmp_path: Path, text: str | None, status: int, problems: list[str]
) -> None:
    if text is not None:
        config.write_text(text)
        config.chmod(0o644)
    words = ("config", "check", "--hooks-dir", str(tmp_path))
    found = document("config-check", *words, status=status)
    assert (found["file"], found["absent"]) == (str(config), text is None)
    assert len(found["problems"]) == len(problems)
    assert all(part in line for part, line in zip(problems, found["problems"], strict=True))
    assert found["misfits"] == []


JSON = {
    ("cells",): "cells", ("cells", "list"): "cells", ("cells", "show"): "cells",
    ("scheduler", "status"): "scheduler-status", ("validate",): "validation",
    ("config", "show"): "config", ("cells", "tree"): "cell-tree", ("version",): "version",
    ("bundle", "inject"): "bundle-change", ("bundle", "eject"): "bundle-change",
    ("doctor",): "doctor", ("install",): "installation", ("uninstall",): "installation",
    ("top",): "top", ("scheduler", "reload"): "scheduler-reload",
    ("record",): "recording",
    ("cells", "release"): "cell-release", ("scheduler", "start"): "scheduler-start",
    ("scheduler", "stop"): "scheduler-stop", ("scheduler", "dump"): "scheduler-dump",
    ("cells", "set"): "cell-change", ("gc",): "sweep", ("config", "check"): "config-check",
}  # fmt: skip
"""Every command with --json, and the schema of what it prints."""

OTHERWISE = {
    (): "runs nothing but --version", ("scheduler",): "runs nothing", ("config",): "runs nothing",
    ("bundle",): "runs nothing", ("metrics",): "Prometheus' own format is for programs already",
}  # fmt: skip
"""Every command without --json, and why."""


def test_every_command_has_json_and_a_schema_for_it() -> None:
    found: dict[bool, set[tuple[str, ...]]] = {True: set(), False: set()}
    for path, command in commands():
        options = [parameter for parameter in command.params if "--json" in parameter.opts]
        found[bool(options)].add(path)
        for option in options:
            assert f"schemas/{JSON[path]}.schema.json" in option.help
    assert found == {True: set(JSON), False: set(OTHERWISE)}
    assert set(JSON.values()) <= set(schema.NAMES)
