# SPDX-License-Identifier: Apache-2.0
"""Which kind a document is of."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from ocihook import schema
from ocihook.validate.kinds import KINDS, kind_of

DATA = Path(__file__).parents[2] / "data"
HOOKS: dict[str, Any] = {
    "version": "1.0.0", "hook": {"path": sys.executable}, "when": {"always": True},
    "stages": ["poststop"],
}  # fmt: skip


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
