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

from ocihook.validate.kinds import KINDS
from ocihook.validate.report import findings

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
