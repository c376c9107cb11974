# SPDX-License-Identifier: Apache-2.0
"""The table of keys, against the schema and the policy."""

from typing import Any

import pytest

from ocihook import schema
from ocihook.config.check import dotted
from ocihook.config.keys import KEYS
from ocihook.policy import LIMITS, Policy


@pytest.mark.parametrize("key", KEYS, ids=lambda key: dotted(key.path))
def test_schema_and_table_have_the_same_default(key: Any) -> None:
    at = schema.load("config")
    for name in key.path:
        at = at["properties"][name]
    default = at.get("default")
    if default is None:
        default = schema.load("config")["$defs"][at["$ref"].rpartition("/")[2]]["default"]
    assert default == key.default


def test_every_member_of_the_policy_has_a_key() -> None:
    assert {key.member for key in KEYS} | {"file", "unknown", "written"} == set(Policy.__slots__)
    assert len(KEYS) == len(Policy.__slots__) - 3


def test_every_limit_has_a_key() -> None:
    limits = {key.member for key in KEYS if key.section == "limits"}
    assert limits - set(LIMITS) == {"required"}, "which harms its own container alone"
    assert set(LIMITS) < limits
