# SPDX-License-Identifier: Apache-2.0
"""Findings by document: where, how bad, in which words."""

import json
import random
import sys
from pathlib import Path
from typing import Any

import pytest
from verdict import valid
from wild import KINDS as WILD
from wild import documents, mutated_node

from ocihook.validate.kinds import KINDS
from ocihook.validate.report import findings, validate

DATA = Path(__file__).parents[2] / "data"
STATE: dict[str, Any] = {
    "ociVersion": "1.2.0", "id": "c1", "status": "running", "pid": 7, "bundle": "/b",
}  # fmt: skip
HOOKS: dict[str, Any] = {
    "version": "1.0.0", "hook": {"path": sys.executable}, "when": {"always": True},
    "stages": ["poststop"],
}  # fmt: skip


def test_nothing_is_found_in_good_documents() -> None:
    assert findings("state", STATE) == []
    assert findings("hooks", HOOKS) == []


def test_a_long_value_is_cut_and_stays_on_its_line() -> None:
    (one,) = findings("state", {**STATE, "status": "x\n\x1b[2J" + "y" * 100000})
    assert len(one.message) < 200
    assert "\n" not in one.message


def refused_by_the_hook(kind: str, document: object) -> bool:
    text = json.dumps(document).encode()
    return valid(f"oci-{kind}", text) is None


@pytest.mark.parametrize("kind", [None, *KINDS])
@pytest.mark.parametrize("depth", [65, 900, 100_000])
def test_a_list_that_is_too_deep(tmp_path: Path, kind: str | None, depth: int) -> None:
    path = tmp_path / "x.json"
    path.write_text('[{"cell": ' + "[" * (depth - 2) + "]" * (depth - 2) + "}]")
    (found,) = validate(path, kind)["findings"]
    assert found["message"] == "file: nested more than 64 deep"


@pytest.mark.parametrize("kind", sorted(WILD))
def test_whatever_the_hook_refuses_is_an_error(kind: str) -> None:
    for state, config in documents(kind, 7, 300):
        for name, made in (("state", {**STATE, **state}), ("config", config)):
            found = findings(name, json.loads(json.dumps(made)))
            errors = [one for one in found if one.severity == "error"]
            assert errors or not refused_by_the_hook(name, made), made


def test_mutated_documents_of_every_kind_have_findings_and_no_traceback() -> None:
    chance = random.Random(7)
    originals = [path.read_bytes() for path in sorted(DATA.glob("*/good/*.json"))]
    for _ in range(1500):
        document = json.loads(mutated_node(chance, chance.choice(originals)))
        for one in findings(chance.choice(list(KINDS)), document):
            assert one.message
            assert one.pointer[:1] in ("", "/")
