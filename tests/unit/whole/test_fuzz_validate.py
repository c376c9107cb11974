# SPDX-License-Identifier: Apache-2.0
"""Bad documents go through ``ocihook validate``: a report each.

What the hook refuses is an error there. Some go through the command, which says 65 where there is
an error, and 0 elsewhere.
"""

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from case_watch import Watch, watched
from fuzz_cases import AT_LEAST, MUTATIONS, SEED, corpus, tries
from typer.testing import CliRunner
from verdict import valid

from ocihook import cli
from ocihook.cli.output import printable
from ocihook.validate.finding import ERROR
from ocihook.validate.report import validate

PARTS = AT_LEAST["validate"]

SCHEMAS = {"state": "oci-state", "config": "oci-config", "annotations": "annotations"}

SMALL_BYTES = 1500
"""Larger ones are tried, too, and less often: jsonschema takes a millisecond for each."""


@pytest.fixture(scope="module")
def watch() -> Iterator[Watch]:
    with watched() as made:
        yield made


def originals() -> list[tuple[str, bytes]]:
    every = corpus("state", "config", "annotations", "hooks", "text")
    small = [each for each in every if len(each[1]) <= SMALL_BYTES]
    return every + small * 6


def judged(path: Path, kind: str, data: bytes) -> dict[str, Any]:
    """Return the report of a document, and assert what holds for each."""
    path.write_bytes(data)
    report = validate(path, kind if kind != "text" else None)
    severities = [each["severity"] for each in report["findings"]]
    assert report["errors"] == severities.count(ERROR)
    assert report["warnings"] == len(severities) - severities.count(ERROR)
    for each in report["findings"]:
        assert "\n" not in printable(f"{each['pointer']} {each['message']}"), data
    if kind in SCHEMAS and valid(SCHEMAS[kind], data) is None:
        assert report["errors"], data
    return report


@pytest.mark.parametrize("how", MUTATIONS)
def test_mutations_of_the_corpus(watch: Watch, tmp_path: Path, how: str) -> None:
    chance = random.Random(SEED)
    documents = originals()
    if how == "nodes":
        documents = [each for each in documents if each[0] != "text"]
    seen: set[tuple[str, bytes]] = set()
    good = 0
    for _ in tries(PARTS[how]):
        kind, data = chance.choice(documents)
        case = (kind, MUTATIONS[how](chance, data))
        if case not in seen:
            seen.add(case)
            watch.begins(*case)
            good += not judged(tmp_path / "x.json", *case)["errors"]
        if len(seen) >= PARTS[how]:
            break
    watch.ends()
    assert len(seen) >= PARTS[how]
    assert 30 <= good <= len(seen) * 0.9


def test_a_sample_goes_through_the_command(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    documents = originals()
    path = tmp_path / "x.json"
    statuses = []
    for number in range(PARTS["command"]):
        kind, data = chance.choice([each for each in documents if each[0] != "text"])
        if number % 4 != 3:
            data = list(MUTATIONS.values())[number % 2](chance, data)
        report = judged(path, kind, data)
        done = CliRunner().invoke(cli.app, ["validate", "--json", "--kind", kind, str(path)])
        assert json.loads(done.stdout)["errors"] == report["errors"]
        assert done.exit_code == (os.EX_DATAERR if report["errors"] else 0), data
        statuses.append(done.exit_code)
    assert set(statuses) == {0, os.EX_DATAERR}
