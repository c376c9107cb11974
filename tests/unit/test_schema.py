# SPDX-License-Identifier: Apache-2.0
from pathlib import Path
from typing import Any

import pytest

from ocihook import schema
from ocihook.abi import CELL_LIVE, Cell, CellRunNs, CellStats, CellWaits
from ocihook.sched.cell_row import Counted, describe

SCHEMAS = Path(__file__).parents[2] / "schemas"
HOOK = {
    "version": "1.0.0",
    "hook": {"path": "/bin/true"},
    "when": {"always": True},
    "stages": ["poststop"],
}
CELL = describe(
    3,
    Cell(name=b"web", container=b"c1", cgid=77, state=CELL_LIVE, generation=1, weight=100),
    Counted([CellRunNs(run_ns=5)], [CellStats()], CellWaits()),
    0b1,
)
FINDING = {
    "topic": "bpffs", "name": "mount", "verdict": "error", "evidence": "seen", "mend": "mount it",
}  # fmt: skip
DOCTOR = {
    "verdict": "error",
    "exit_code": 69,
    "counts": {"ok": 0, "note": 0, "skipped": 0, "warning": 0, "error": 1},
    "findings": [FINDING],
}
STATUS = {
    "state": "running", "scheduler": "ocihook", "kernel": "6.18.1", "abi": 1, "uptime_s": 1.5,
    "exit": None, "cells": 0,
}  # fmt: skip


def test_each_file_is_a_schema_of_2020_12() -> None:
    assert sorted(schema.NAMES) == sorted(
        path.name.removesuffix(".schema.json") for path in SCHEMAS.iterdir()
    )
    for name in schema.NAMES:
        document = schema.load(name)
        assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert document["$id"] == f"urn:ocihook:schema:{name}"
        schema.validator(name)  # checks it against the metaschema


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("doctor", DOCTOR),
        ("doctor", {**DOCTOR, "findings": []}),
        ("hooks", HOOK),
        ("cells", []),
        ("cells", [CELL]),
        ("cells", [{**CELL, "cell": 0, "weight": 40000, "container": "", "cgroup": None}]),
        ("scheduler-status", STATUS),
        (
            "scheduler-status",
            {**STATUS, "state": "ejected", "uptime_s": None, "scheduler": None,
             "exit": {"kind": 1024, "code": -1, "reason": "runtime error", "message": ""}},
        ),
    ],
)  # fmt: skip
def test_accepts(name: str, document: object) -> None:
    assert schema.findings(name, document) == []


@pytest.mark.parametrize(
    ("name", "document", "pointer"),
    [
        ("doctor", {**DOCTOR, "verdict": "fine"}, "/verdict"),
        ("doctor", {**DOCTOR, "exit_code": 1}, "/exit_code"),
        ("doctor", {**DOCTOR, "counts": {"ok": 1}}, "/counts"),
        ("doctor", {**DOCTOR, "findings": [{**FINDING, "mend": ""}]}, "/findings/0/mend"),
        ("doctor", {**DOCTOR, "findings": [{**FINDING, "verdict": "ok"}]}, "/findings/0/mend"),
        ("doctor", {**DOCTOR, "findings": [{**FINDING, "topic": "x"}]}, "/findings/0/topic"),
        ("hooks", {**HOOK, "version": "0.1.0"}, "/version"),
        ("hooks", {**HOOK, "when": {}}, "/when"),
        ("hooks", {**HOOK, "when": {"annotations": {"a": "("}}}, "/when/annotations/a"),
        ("hooks", {**HOOK, "when": {"annotations": {"(": ""}}}, "/when/annotations"),
        ("hooks", {**HOOK, "stages": ["poststopp"]}, "/stages/0"),
        ("hooks", {**HOOK, "stages": []}, "/stages"),
        ("hooks", {**HOOK, "hook": {"path": "true"}}, "/hook/path"),
        ("hooks", {**HOOK, "hook": {"path": "/x", "timeout": 0}}, "/hook/timeout"),
        ("cells", [CELL, {**CELL, "state": "free"}], "/1/state"),
        ("cells", [{**CELL, "weight": 10001}], "/0/weight"),
        ("cells", [{**CELL, "cpus": "0-x"}], "/0/cpus"),
        ("cells", [{**CELL, "more": 1}], "/0/more"),
        ("cells", [{**CELL, "own_cpus": "x"}], "/0/own_cpus"),
        ("cells", [{**CELL, "quota": {"quota_us": 1}}], "/0/quota"),
        ("cells", [{**CELL, "waits": [0]}], "/0/waits"),
        ("cells", [{**CELL, "members": [{"container": "c"}]}], "/0/members/0"),
        ("cells", [{**CELL, "run_ns_by_cpu": {"a": 1}}], "/0/run_ns_by_cpu"),
        ("cells", [{key: value for key, value in CELL.items() if key != "tasks"}], "/0"),
        ("scheduler-status", {**STATUS, "state": "up"}, "/state"),
        ("scheduler-status", {**STATUS, "exit": {"kind": 1}}, "/exit"),
        ("scheduler-status", {**STATUS, "abi": True}, "/abi"),
        ("oci-state", {"id": "a", "status": "b", "bundle": "/", "annotations": {"a/~": 1}},
         "/annotations/a~1~0"),
    ],
)  # fmt: skip
def test_findings_name_the_place(name: str, document: Any, pointer: str) -> None:
    assert pointer in [where for where, _ in schema.findings(name, document)]


def test_findings_come_in_order() -> None:
    found = schema.findings("oci-state", {"id": "a/b", "status": "", "bundle": "b", "pid": "1"})
    assert [where for where, _ in found] == ["/bundle", "/id", "/pid", "/status"]
