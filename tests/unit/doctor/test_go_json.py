# SPDX-License-Identifier: Apache-2.0
"""JSON by Go's rules: names in any case, members that are there twice, long numbers."""

from typing import Any

import pytest

from ocihook.doctor.go_json import folded, given, parse


def members(text: str) -> dict[str, Any]:
    document, fault = parse(text.encode())
    assert fault == ""
    assert isinstance(document, dict)
    return document


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ('{"a": 1, "A": 2}', {"a": 2}),
        ('{"a": {"b": 1}, "a": {"c": 2}}', {"a": {"b": 1, "c": 2}}),
        ('{"a": {"b": 1}, "A": {"b": 2}}', {"a": {"b": 2}}),
        ('{"a": {"b": 1}, "a": null}', {"a": {"b": 1}}),
        ('{"a": "b", "a": null}', {"a": "b"}),
        ('{"a": ["b"], "a": null}', {}),
        ('{"a": ["b"], "a": ["c", "d"]}', {"a": ["c", "d"]}),
        ('{"\\u017fTAGE\\u017f": 1, "hoo\\u212a": 2}', {"stages": 1, "hook": 2}),
    ],
)
def test_folded(text: str, becomes: dict[str, Any]) -> None:
    assert folded(members(text)) == becomes


def test_given_has_what_others_replace() -> None:
    assert given(members('{"a": 1, "A": "x", "a": null}')) == [("a", 1), ("a", "x")]


def test_a_plain_dictionary_will_do() -> None:
    assert folded({"A": None, "B": 1}) == {"b": 1}


def test_a_number_may_be_longer_than_python_reads() -> None:
    assert members('{"a": ' + "9" * 5000 + ', "b": -9223372036854775808}') == {
        "a": float("inf"),
        "b": -(1 << 63),
    }


@pytest.mark.parametrize("depth", [64, 65, 1100, 10_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"]": ', "}")])
def test_as_deep_as_go_reads(depth: int, opening: str, closing: str) -> None:
    deep = opening * (depth - 1) + "1" + closing * (depth - 1)
    found = members('{"a": "[[[\\"[", "b": ' + deep + ', "c": 5}')
    assert (found["a"], found["c"]) == ('[[["[', 5)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[" * 10_001 + "]" * 10_001, "nested more than 10000 deep"),
        ("[" * 5000, "ends before its brackets are closed"),
        ("[" * 5000 + "x" + "]" * 5000, "Expecting value"),
        ("[" * 5000 + "}" + "]" * 4999, "Expecting value"),
        ("[" * 5000 + "]" * 5001, "Extra data"),
        ('{"a": "' + "[" * 5000, "ends before its brackets are closed"),
        ("[" * 5000 + "NaN" + "]" * 5000, "NaN is no number"),
    ],
)
def test_what_is_deep_and_wrong(text: str, fault: str) -> None:
    document, said = parse(text.encode())
    assert document is None
    assert said.startswith("no JSON: ")
    assert fault in said
