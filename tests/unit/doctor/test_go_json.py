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
