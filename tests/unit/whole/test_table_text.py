# SPDX-License-Identifier: Apache-2.0
"""The table's parts, its document, and their text, from results written here."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.table import document, text
from tests.table.parts import Case, Part, guest_part, steps

GUEST = Part(
    "trixie-6.18",
    120.5,
    (Case("tests/guest/test_gc.py::test_gc", 0.5, True, 0.0), Case("two", 9, False, 3.25)),
    13.75,
)


def made(*parts: Part, arguments: tuple[str, ...] = ("tests",)) -> dict[str, Any]:
    return document.make(parts, began_s=0, duration_s=100, arguments=list(arguments), exit_status=1)


def test_document() -> None:
    assert made(Part("check", 41), GUEST) == {
        "version": 1,
        "began": "1970-01-01T00:00:00+00:00",
        "duration_s": 100,
        "arguments": ["tests"],
        "exit_status": 1,
        "parts": [
            {"name": "check", "duration_s": 41, "tests": 0, "failed": 0, "fixed_waits_s": None},
            {
                "name": "trixie-6.18",
                "duration_s": 120.5,
                "tests": 2,
                "failed": 1,
                "fixed_waits_s": 13.75,
            },
        ],
        "slowest": [
            {"part": "trixie-6.18", "name": "two", "duration_s": 9, "fixed_waits_s": 3.25},
            {
                "part": "trixie-6.18",
                "name": "tests/guest/test_gc.py::test_gc",
                "duration_s": 0.5,
                "fixed_waits_s": 0,
            },
        ],
    }


def test_only_ten_are_the_slowest() -> None:
    unit = Part("unit", 60, tuple(Case(f"test_{n}", n) for n in range(30)))
    slowest = made(unit)["slowest"]
    assert [one["duration_s"] for one in slowest] == list(range(29, 19, -1))


def test_text() -> None:
    lines = list(text.lines(made(Part("check", 41), GUEST), None))
    assert lines == [
        "part           seconds  change  tests  failed  fixed waits",
        "check             41.0",
        "trixie-6.18      120.5              2       1         13.8",
        "the whole run    100.0              2       1         13.8",
        "Guests run beside other tests: the parts add up to more than the whole.",
        "",
        "The slowest tests:",
        "seconds  fixed waits  part         test",
        "    9.0          3.2  trixie-6.18  two",
        "    0.5          0.0  trixie-6.18  tests/guest/test_gc.py::test_gc",
    ]


def test_text_of_a_run_without_tests() -> None:
    assert list(text.lines(made(Part("check", 41)), None)) == [
        "part           seconds  change  tests  failed  fixed waits",
        "check             41.0",
        "the whole run    100.0",
    ]


def test_change_against_a_run_with_the_same_arguments() -> None:
    before = made(Part("check", 50), GUEST._replace(duration_s=100))
    now = made(Part("wheel", 2), Part("check", 41), GUEST)
    rows = [line.split() for line in text.lines(now, before)][1:5]
    assert rows == [
        ["wheel", "2.0", "new"],
        ["check", "41.0", "-9.0"],
        ["trixie-6.18", "120.5", "+20.5", "2", "1", "13.8"],
        ["the", "whole", "run", "100.0", "+0.0", "2", "1", "13.8"],
    ]


def test_runs_with_other_arguments_are_not_compared() -> None:
    before = made(Part("check", 50), arguments=("tests", "-k", "quota"))
    assert list(text.lines(made(Part("check", 41)), before))[1].split() == ["check", "41.0"]


def test_written_document_is_read(tmp_path: Path) -> None:
    file = tmp_path / "build" / "test-times.json"
    assert document.read(file) is None
    document.write(made(GUEST), file)
    assert document.read(file) == made(GUEST)
    assert [path.name for path in file.parent.iterdir()] == ["test-times.json"]


@pytest.mark.parametrize("content", ["", "[]", "{", '{"version": 0}'])
def test_unreadable_times_are_no_obstacle(content: str, tmp_path: Path) -> None:
    file = tmp_path / "test-times.json"
    file.write_text(content)
    assert document.read(file) is None


def test_steps() -> None:
    assert steps(" check=41000 wheel=3") == [Part("check", 41), Part("wheel", 0.003)]
    assert steps("") == []


def results(tmp_path: Path, cases: str) -> Part:
    (tmp_path / "junit.xml").write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
    return guest_part("name", 7.5, tmp_path / "junit.xml", tmp_path / "waits.json")


@pytest.mark.parametrize(
    ("outcome", "failed"),
    [("", False), ("<skipped/>", False), ("<failure/>", True), ("<error/>", True)],
)
def test_guests_test(outcome: str, failed: bool, tmp_path: Path) -> None:
    name = "tests/guest/test_a.py::test_x[a.b::c]"
    (tmp_path / "waits.json").write_text(json.dumps({name: 2.5, "outside of tests": 1}))
    case = '<testcase classname="tests.guest.test_a" name="test_x[a.b::c]" time="3.5">'
    part = results(tmp_path, f"{case}{outcome}</testcase>")
    assert part == Part("name", 7.5, (Case(name, 3.5, failed, 2.5),), 3.5)


def test_guest_that_counts_no_waits(tmp_path: Path) -> None:
    part = results(tmp_path, '<testcase classname="tests.guest.test_a" name="t" time="3"/>')
    assert part == Part("name", 7.5, (Case("tests/guest/test_a.py::t", 3),))


def test_file_that_a_guest_cannot_collect(tmp_path: Path) -> None:
    case = '<testcase classname="" name="tests.guest.test_a" time="0"><error/></testcase>'
    assert results(tmp_path, case) == Part("name", 7.5, (Case("tests.guest.test_a", 0, True),))


@pytest.mark.parametrize("content", [None, "<testsuites><testsuite><testca"])
def test_lost_guest_has_a_part(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "junit.xml").write_text(content)
    part = guest_part("name", 7.5, tmp_path / "junit.xml", tmp_path / "waits.json")
    assert part == Part("name", 7.5)
