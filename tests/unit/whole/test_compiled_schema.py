# SPDX-License-Identifier: Apache-2.0
"""The fast judge of the fuzzer and the schemas' own validator are of one mind."""

import random
from typing import Any

import pytest
from compiled_schema import compiled, in_draft_4
from fuzz_cases import SEED, corpus
from verdict import load
from wild import each_member_with_each_value, mutated_node

from ocihook import schema

NAMES = ("oci-state", "oci-config", "annotations")
STATE = {"id": "c1", "status": "creating", "bundle": "/b", "pid": 5}


def documents() -> list[Any]:
    chance = random.Random(SEED)
    real = [data for _, data in corpus("state", "config", "annotations")]
    found = [load(data) for data in real]
    found += [load(mutated_node(chance, chance.choice(real))) for _ in range(500)]
    for state, config in each_member_with_each_value():
        found += [{**STATE, **state}] if state else [config]
        found += [part["annotations"] for part in (state, config) if "annotations" in part]
    return found


@pytest.mark.parametrize("name", NAMES)
def test_one_verdict(name: str) -> None:
    check, validator = compiled(name), schema.validator(name)
    verdicts = set()
    for document in documents():
        assert check(document) == validator.is_valid(document), document
        verdicts.add(check(document))
    assert verdicts == {True, False}


def test_an_unknown_keyword_is_no_silence() -> None:
    with pytest.raises(ValueError, match="contains: not known here"):
        in_draft_4({"properties": {"a": {"contains": {}}}}, {})
