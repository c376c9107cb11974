# SPDX-License-Identifier: Apache-2.0
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ocihook import schema

Run = Callable[..., Any]
DATA = Path(__file__).parents[2] / "data"


def test_a_bundle_with_errors(run: Run, bundle: Path) -> None:
    (bundle / "config.json").write_text(
        '{"process": {"cwd": 5, "args": ["x"]}, "linux": {"cgroupsPath": "/"}, "mounts": []}'
    )
    outcome = run("validate", str(bundle))
    assert outcome.status == os.EX_DATAERR
    assert outcome.stdout.splitlines() == [
        "error: (document): 'ociVersion' is missing",
        "error: (document): 'root' is missing: runc and crun start no container without it",
        "error: /process/cwd: 5 is not of type string",
        "warning: /linux: no cgroup namespace: the cell is that of the cgroup where the process is",
        "error: /linux/cgroupsPath: is the root of the hierarchy, which is no container's",
        f"{bundle}/config.json: config: 4 errors, 1 warnings",
    ]
    assert outcome.stderr == ""


def test_warnings_alone_are_success(run: Run) -> None:
    file = DATA / "state" / "good" / "captured-crun-1.28-startContainer.json"
    outcome = run("validate", str(file))
    assert outcome.status == 0
    assert "(written by crun, for startContainer)" in outcome.stdout
    assert outcome.stdout.splitlines()[-1] == f"{file}: state: 0 errors, 2 warnings"


def test_a_good_bundle(run: Run, bundle: Path) -> None:
    outcome = run("validate", str(bundle))
    assert (outcome.status, outcome.stdout) == (
        0,
        f"{bundle}/config.json: config: 0 errors, 0 warnings\n",
    )


@pytest.mark.parametrize(
    ("text", "kind", "status"),
    [
        ("{", None, os.EX_DATAERR),
        ("{}", None, os.EX_DATAERR),
        ("[]", "cells", 0),
        ("[", None, os.EX_DATAERR),
        ("[" * 100000, None, os.EX_DATAERR),
        ('{"org.ocihook/cell": "web"}', "annotations", 0),
        ('{"id": "c1", "status": "stopped"}', "state", os.EX_DATAERR),
    ],
)
def test_json_follows_its_schema(
    run: Run, tmp_path: Path, text: str, kind: str | None, status: int
) -> None:
    file = tmp_path / "document"
    file.write_text(text)
    outcome = run("validate", "--json", str(file))
    assert outcome.status == status
    report = json.loads(outcome.stdout)
    assert schema.findings("validation", report) == []
    assert report["kind"] == kind
    assert (report["errors"] > 0) == (status != 0)
    (tmp_path / "report").write_text(outcome.stdout)
    assert run("validate", str(tmp_path / "report")).stdout.endswith(
        "validation: 0 errors, 0 warnings\n"
    )


def test_a_kind_that_is_given_counts(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "empty.json"
    file.write_text("{}")
    assert run("validate", str(file), "--kind", "annotations").status == 0
    assert "'id' is missing" in run("validate", str(file), "--kind", "state").stdout
    wrong = run("validate", str(file), "--kind", "nonsense")
    assert wrong.status == 2
    assert "none of hooks, state" in re.sub(r"\W*\n\W*", " ", wrong.stderr)


def test_a_file_that_is_not_there(run: Run) -> None:
    outcome = run("validate", "/nonexistent")
    assert outcome.status == os.EX_DATAERR
    hint = "name a bundle's directory, or a JSON file"
    assert outcome.stderr == f"ocihook: /nonexistent: no such file or directory ({hint})\n"


def test_a_file_of_gigabytes_is_not_read(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "large"
    with file.open("wb") as opened:
        opened.truncate(8 << 30)
    outcome = run("validate", str(file))
    assert outcome.status == os.EX_DATAERR
    assert "error: (document): more than 2097152 bytes" in outcome.stdout


def test_a_state_that_no_hook_would_read(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "state"
    state = {"id": "c1", "status": "created", "bundle": "/b", "annotations": {"a": "x" * (2 << 20)}}
    file.write_text(json.dumps(state))
    outcome = run("validate", str(file))
    assert outcome.status == os.EX_DATAERR
    assert "error: (document): more than 2097152 bytes" in outcome.stdout


def test_no_terminal_escapes_come_through(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "state"
    file.write_text(json.dumps({"id": "a", "status": "b", "annotations": {"\x1b[2J\n": 1}}))
    assert "\x1b" not in run("validate", str(file)).stdout
