# SPDX-License-Identifier: Apache-2.0
"""Members whose names differ from known ones by their case."""

from typing import Any

import pytest

from ocihook.validate import names

CONFIG = ("oci-config", "spec-config")


def found(document: Any) -> list[tuple[str, str]]:
    return [(one.pointer, one.message) for one in names.check(document, CONFIG, "meant is {}")]


@pytest.mark.parametrize(
    "document",
    [
        {}, [], None, 1, "x", {"annotations": {"Linux": "x"}}, {"more": {"Linux": 1}},
        {"annotations": {"process": "1"}}, {"linux": [{"Resources": 1}]}, {"hooks": 1},
    ],
)  # fmt: skip
def test_nothing_to_say(document: Any) -> None:
    assert found(document) == []


def test_at_every_depth() -> None:
    document = {
        "Linux": {"Namespaces": [{"Type": "pid"}]},
        "HOOKS": {"postSTOP": [{"PATH": "/x"}]},
    }
    assert found(document) == [
        ("/Linux", "meant is linux"),
        ("/Linux/Namespaces", "meant is namespaces"),
        ("/Linux/Namespaces/0/Type", "meant is type"),
        ("/HOOKS", "meant is hooks"),
        ("/HOOKS/postSTOP", "meant is poststop"),
        ("/HOOKS/postSTOP/0/PATH", "meant is path"),
    ]


def test_a_document_as_go_finds_it() -> None:
    document = {"WHEN": {"Commands": ["A"], "annotations": {"When": "B"}}, "More": {"When": 1}}
    assert names.as_go_finds_them(document, "hooks") == {
        "when": {"commands": ["A"], "annotations": {"When": "B"}}, "More": {"When": 1}
    }  # fmt: skip
