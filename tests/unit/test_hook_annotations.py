# SPDX-License-Identifier: Apache-2.0
import pytest

from ocihook.errors import AnnotationError
from ocihook.hook import annotations

P = annotations.PREFIX


def test_nothing_is_wished_for() -> None:
    wishes = annotations.parse({"other": "x", "org.ocihook": "y"})
    assert (wishes.enrolled, wishes.name, wishes.weight) == (True, None, None)
    assert not wishes.required


def test_wishes() -> None:
    wishes = annotations.parse({P + "cell": "web-1", P + "weight": "300", P + "required": "true"})
    assert (wishes.enrolled, wishes.name, wishes.weight) == (True, "web-1", 300)
    assert wishes.required


def test_off() -> None:
    assert not annotations.parse({P + "cell": "off"}).enrolled


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("cell", "", "annotation org.ocihook/cell: '' is not 1 to 63 characters"),
        ("cell", "n" * 64, "annotation org.ocihook/cell: 'nnn"),
        ("cell", "a\x1b[2J", "annotation org.ocihook/cell: 'a\\x1b[2J' is not 1 to 63"),
        ("weight", "0", "annotation org.ocihook/weight: '0' is not an integer in 1..10000"),
        ("weight", "10001", "'10001' is not an integer in 1..10000"),
        ("weight", "1e3", "'1e3' is not an integer in 1..10000"),
        ("weight", " 5", "' 5' is not an integer in 1..10000"),
        ("required", "yes", "annotation org.ocihook/required: 'yes' is neither true nor false"),
        (
            "wieght",
            "5",
            "annotation 'org.ocihook/wieght': unknown "
            "(known are org.ocihook/cell, org.ocihook/weight, org.ocihook/required)",
        ),
    ],
)
def test_refuses(key: str, value: str, message: str) -> None:
    with pytest.raises(AnnotationError) as caught:
        annotations.parse({P + key: value})
    assert message in str(caught.value)
    assert len(str(caught.value)) < 300


def test_is_required_stands_on_its_own() -> None:
    broken = {P + "cell": "", P + "oops": "", P + "required": "true"}
    assert annotations.is_required(broken)
    assert not annotations.is_required({P + "required": "True"})
    assert not annotations.is_required({})
