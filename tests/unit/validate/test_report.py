# SPDX-License-Identifier: Apache-2.0
"""Findings by document: where, how bad, in which words."""

import json
import random
import sys
from pathlib import Path
from typing import Any

import pytest
import verdict
from hypothesis import HealthCheck, given, settings
from wild import KINDS as WILD
from wild import documents, mutated_node

from ocihook import schema
from ocihook.validate.kinds import KINDS, kind_of
from ocihook.validate.report import findings

DATA = Path(__file__).parents[2] / "data"
STATE: dict[str, Any] = {
    "ociVersion": "1.2.0", "id": "c1", "status": "running", "pid": 7, "bundle": "/b",
}  # fmt: skip
HOOKS: dict[str, Any] = {
    "version": "1.0.0", "hook": {"path": sys.executable}, "when": {"always": True},
    "stages": ["poststop"],
}  # fmt: skip
ISSUE_2025 = "crun 1.27 to 1.29.1 with podman"


def test_nothing_is_found_in_good_documents() -> None:
    assert findings("state", STATE) == []
    assert findings("hooks", HOOKS) == []


@pytest.mark.parametrize(
    ("change", "pointer", "severity", "message", "emitter"),
    [
        ({"status": "starting"}, "/status", "warning", "is none of creating", "crun, for start"),
        ({"status": "paused"}, "/status", "warning", "is none of creating", "runc state"),
        ({"status": "tired"}, "/status", "warning", "'tired' is none of creating", "prose"),
        ({"status": None}, "/status", "error", "null is not of type string", None),
        ({"ociVersion": "v1.0.2"}, "/ociVersion", "warning", "does not fit", "youki"),
        ({"bundle": "/"}, "/bundle", "warning", "is no bundle", ISSUE_2025),
        ({"pid": 0}, "/pid", "warning", "running, and no process", "crun and youki"),
        ({"pid": -1}, "/pid", "error", "-1 is less than 0", None),
        ({"annotations": None}, "/annotations", "warning", "null stands for", "not written in Go"),
        ({"id": None}, "/id", "error", "null is not of type string", None),
        ({"id": "a/b"}, "/id", "error", "'a/b' does not fit: A directory name", None),
        ({"annotations": {"org.ocihook/lend": "no"}}, "/annotations/org.ocihook~1lend", "error",
         "'no' is none of true, false", None),
    ],
)  # fmt: skip
def test_state(
    change: dict[str, Any], pointer: str, severity: str, message: str, emitter: str | None
) -> None:
    found = findings("state", {**STATE, **change})
    first = next(one for one in found if one.pointer == pointer)
    assert (first.severity, message in first.message) == (severity, True)
    assert (emitter is None) == (first.emitter is None)
    assert (emitter or "") in (first.emitter or "")


@pytest.mark.parametrize(
    ("change", "pointer", "severity", "message"),
    [
        ({"hook": {"path": "/nonexistent"}}, "/hook/path", "error", "leave the hook out"),
        ({"when": {"always": False}}, "/when/always", "warning", "false matches no container"),
        ({"when": {"hasBindMounts": False}}, "/when/hasBindMounts", "warning", "false matches"),
        ({"when": {"annotations": {"(?!a)": "b"}}}, "/when/annotations", "error",
         "looks ahead or behind, which Go refuses"),
        ({"when": {"commands": [r"(a)\1"]}}, "/when/commands/0", "error", "refers back"),
        ({"when": {"annotations": {"a": "("}}}, "/when/annotations/a", "error",
         "missing ), unterminated subpattern"),
        ({"colour": 1}, "/colour", "warning", "unknown member"),
        ({"version": "0.1.0"}, "/version", "error", "'0.1.0' is not '1.0.0'"),
        ({"stages": ["poststop", "poststop"]}, "/stages", "error", "has an item twice"),
    ],
)  # fmt: skip
def test_hooks_file(change: dict[str, Any], pointer: str, severity: str, message: str) -> None:
    found = [one for one in findings("hooks", {**HOOKS, **change}) if one.pointer == pointer]
    assert [(one.severity, message in one.message) for one in found] == [(severity, True)]


def test_a_long_value_is_cut_and_stays_on_its_line() -> None:
    (one,) = findings("state", {**STATE, "status": "x\n\x1b[2J" + "y" * 100000})
    assert len(one.message) < 200
    assert "\n" not in one.message


@pytest.mark.parametrize("kind", sorted({"config", "state", "annotations"}))
def test_the_kind_shows_in_the_content(kind: str) -> None:
    for document in sorted((DATA / kind / "good").glob("captured-*.json")):
        assert kind_of(json.loads(document.read_bytes())) == kind, document


def test_the_report_knows_every_kind() -> None:
    kinds = schema.load("validation")["properties"]["kind"]["enum"]
    assert kinds == [*sorted(KINDS), None]


def test_what_is_of_no_kind() -> None:
    for document in ({}, {"a": "b"}, 1, "x", None):
        assert kind_of(document) is None
    assert kind_of([]) == "cells"
    assert kind_of({"org.ocihook/cell": "web"}) == "annotations"
    assert kind_of(HOOKS) == "hooks"


def refused_by_the_hook(kind: str, document: object) -> bool:
    text = json.dumps(document).encode()
    if kind == "state":
        return verdict.state_of(text) is None
    return not verdict.is_valid("oci-config", verdict.load(text))


@pytest.mark.parametrize("kind", sorted(WILD))
def test_whatever_the_hook_refuses_is_an_error(kind: str) -> None:
    @settings(
        max_examples=300, deadline=None, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(documents(kind))
    def run(document: tuple[dict[str, Any], dict[str, Any]]) -> None:
        for name, made in (("state", {**STATE, **document[0]}), ("config", document[1])):
            found = findings(name, json.loads(json.dumps(made)))
            errors = [one for one in found if one.severity == "error"]
            assert errors or not refused_by_the_hook(name, made)

    run()


def test_mutated_documents_of_every_kind_have_findings_and_no_traceback() -> None:
    chance = random.Random(7)
    originals = [path.read_bytes() for path in sorted(DATA.glob("*/good/*.json"))]
    for _ in range(1500):
        document = json.loads(mutated_node(chance, chance.choice(originals)))
        for one in findings(chance.choice(list(KINDS)), document):
            assert one.message
            assert one.pointer[:1] in ("", "/")
