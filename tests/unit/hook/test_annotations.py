# SPDX-License-Identifier: Apache-2.0
import pytest

from ocihook.errors import AnnotationError
from ocihook.hook import annotations

P = annotations.PREFIX


def test_nothing_is_wished_for() -> None:
    wishes = annotations.parse({"other": "x", "org.ocihook": "y"})
    assert (wishes.enrolled, wishes.name, wishes.weight) == (True, None, None)
    assert (wishes.own_count, wishes.own_list, wishes.lend, wishes.borrow) == (0, 0, True, True)
    assert not wishes.required


def test_wishes() -> None:
    wishes = annotations.parse({P + "cell": "web-1", P + "weight": "300", P + "required": "true"})
    assert (wishes.enrolled, wishes.name, wishes.weight) == (True, "web-1", 300)
    assert wishes.required


@pytest.mark.parametrize(
    ("value", "count", "listed"),
    [
        ("1", 1, 0),
        ("1023", 1023, 0),
        ("4-4", 0, 0b10000),
        ("1,", 0, 0b10),
        (" 0-1 , 3 ", 0, 0b1011),
        ("1023-1023", 0, 1 << 1023),
    ],
)
def test_own_cpus(value: str, count: int, listed: int) -> None:
    wishes = annotations.parse({P + "cpus": value})
    assert (wishes.own_count, wishes.own_list) == (count, listed)


def test_lend_and_borrow() -> None:
    wishes = annotations.parse({P + "lend": "false", P + "borrow": "false"})
    assert (wishes.lend, wishes.borrow) == (False, False)
    wishes = annotations.parse({P + "lend": "true", P + "borrow": "true"})
    assert (wishes.lend, wishes.borrow) == (True, True)


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
        ("cpus", "", "annotation org.ocihook/cpus: neither a count nor a cpulist"),
        ("cpus", "0", "annotation org.ocihook/cpus: count '0': not in 1..1023"),
        ("cpus", "1024", "annotation org.ocihook/cpus: count '1024': not in 1..1023"),
        ("cpus", "04", "annotation org.ocihook/cpus: count '04': not in 1..1023"),
        ("cpus", " 4", "annotation org.ocihook/cpus: count ' 4': not in 1..1023"),
        ("cpus", "9" * 9999, "annotation org.ocihook/cpus: count '999"),
        ("cpus", "2-x", "org.ocihook/cpus: cpulist '2-x': expected a number at position 3"),
        ("cpus", "0-1024", "cpulist '0-1024': CPU numbers are below 1024 at position 3"),
        ("lend", "1", "annotation org.ocihook/lend: '1' is neither true nor false"),
        ("borrow", "", "annotation org.ocihook/borrow: '' is neither true nor false"),
        (
            "wieght",
            "5",
            "annotation 'org.ocihook/wieght': unknown "
            "(known are org.ocihook/cell, org.ocihook/weight, org.ocihook/cpus, "
            "org.ocihook/lend, org.ocihook/borrow, org.ocihook/required)",
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


LABELS = "io.kubernetes.cri-o.Labels"


def test_labels_without_an_annotation_beside_them() -> None:
    labels = '{"org.ocihook/weight": "3", "org.ocihook/cpus": "2", "app": "web"}'
    assert annotations.unheard_labels({LABELS: labels}) == [
        "org.ocihook/cpus", "org.ocihook/weight"
    ]  # fmt: skip
    assert annotations.unheard_labels({LABELS: labels, "org.ocihook/cpus": "1"}) == [
        "org.ocihook/weight"
    ]


@pytest.mark.parametrize(
    "text",
    ["", "{}", '{"app": "org.ocihook/weight"}', "org.ocihook/", '["org.ocihook/weight"]',
     "org.ocihook/\ud800", '{"org.ocihook/":' * 1000],
)  # fmt: skip
def test_no_labels_of_ours(text: str) -> None:
    assert annotations.unheard_labels({LABELS: text}) == []
