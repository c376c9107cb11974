# SPDX-License-Identifier: Apache-2.0
"""One verdict on a configuration from the hand-written checks and from the schema."""

import datetime
import random
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocihook import schema
from ocihook.config import compiling, source
from ocihook.config.check import dotted, findings
from ocihook.config.keys import KEYS
from ocihook.errors import ConfigError

DATA = Path(__file__).parents[2] / "data" / "policy"
DOCUMENTS = sorted(path.relative_to(DATA) for path in DATA.glob("*/*.toml"))


def form(document: dict[str, Any]) -> list[str]:
    """What is wrong by itself; which values do not go together is not for a schema to say."""
    return [dotted(place) for place, problem in findings(document) if "is above" not in problem]


@pytest.mark.parametrize("path", DOCUMENTS, ids=str)
def test_document(path: Path) -> None:
    document = tomllib.loads((DATA / path).read_text())
    assert (findings(document) == []) == (path.parts[0] == "good")
    assert (schema.findings("config", document) == []) == (path.parts[0] == "good")


def test_there_are_documents() -> None:
    assert {path.parts[0] for path in DOCUMENTS} == {"good", "bad"}
    assert len(DOCUMENTS) > 60


scalars: st.SearchStrategy[Any] = st.sampled_from(
    [True, False, 0, 1, -1, 2, 90, 91, 600, 1024, 10000, 10001, 2**70, 0.5, 1.0, float("nan"),
     "", "all", "annotated", "start", "refuse", "error", "info", "0-3", "3-0", ",", "/a/**", "**",
     "*", "a*", "[", "a\n", "a\x7f", "x" * 256, "x" * 257, [], ["*"], ["/a", "b"], [1], [["/a"]],
     {}, {"a": "*"}, {"": "*"}, {"a": 1}, {"x" * 257: "*"}, {"a": "]"},
     datetime.date(2026, 1, 1)]
)  # fmt: skip
names = sorted({key.name for key in KEYS} | {"exclude", "x"})
tables = st.dictionaries(st.sampled_from(names), scalars, max_size=4)
sections = tables | st.builds(
    lambda table, exclude: {**table, "exclude": exclude}, tables, tables | scalars
)


@given(
    st.dictionaries(
        st.sampled_from(["enrol", "limits", "host", "hook", "log", "x"]), sections | scalars
    )
)
def test_made_up_document(document: dict[str, Any]) -> None:
    assert (form(document) == []) == (schema.findings("config", document) == [])


@pytest.mark.parametrize("key", KEYS, ids=lambda key: dotted(key.path))
@given(data=st.data())
def test_made_up_value(key: Any, data: st.DataObject) -> None:
    value = data.draw(scalars | st.lists(scalars, max_size=3) | st.integers(-2, 11000))
    document: Any = value
    for name in reversed(key.path):
        document = {name: document}
    assert (form(document) == []) == (schema.findings("config", document) == [])


@pytest.mark.parametrize(
    ("document", "place", "problem"),
    [
        ({"limits": {"wieght_max": 1}}, "limits.wieght_max", "unknown; did you mean weight_max?"),
        ({"limit": {}}, "limit", "unknown; did you mean limits?"),
        ({"hook": {"weight_max": 1}}, "hook.weight_max", "unknown here; it stands in [limits]"),
        ({"who": "all"}, "who", "unknown here; it stands in [enrol]"),
        ({"log": {"limits": {}}}, "log.limits", "unknown here; it stands at the top"),
        ({"x": 1}, "x", "unknown; known are enrol, limits, host, hook, log"),
        ({"limits": []}, "limits", "not a table"),
        ({"limits": {"weight_max": 0}}, "limits.weight_max",
         "0 is neither an integer in 1..10000 nor 'cgroup'"),
        ({"enrol": {"who": 5}}, "enrol.who", "5 is none of 'annotated', 'all'"),
        ({"limits": {"own_cpus": "x"}}, "limits.own_cpus",
         "cpulist 'x': expected a number at position 1"),
        ({"enrol": {"annotations": {"a/b": 1}}}, 'enrol.annotations."a/b"', "1 is not a string"),
        ({"limits": {"shared_cells": ["a", "[b]"]}}, "limits.shared_cells[1]",
         "'[b]' has a bracket; *, ** and ? are all that patterns know"),
        ({"enrol": {"cgroups": ["a"]}}, "enrol.cgroups[0]",
         "'a' begins with neither / nor **, as cgroups do"),
        ({"limits": {"weight_min": 20, "weight_max": 10}}, "limits.weight_min",
         "20 is above limits.weight_max = 10"),
    ],
)  # fmt: skip
def test_says_what_is_wrong(document: dict[str, Any], place: str, problem: str) -> None:
    assert [(dotted(where), what) for where, what in findings(document)] == [(place, problem)]


def test_a_long_value_is_cut() -> None:
    ((_, problem),) = findings({"limits": {"weight_max": "x" * 10000}})
    assert len(problem) < 120


def test_bytes_that_were_changed_at_random() -> None:
    """A mutilated file is refused with a word, or means the same to both who judge it."""
    chance = random.Random(4)
    texts = [(DATA / path).read_bytes() for path in DOCUMENTS if path.parts[0] == "good"]
    refused = accepted = 0
    for _ in range(2000):
        data = bytearray(chance.choice(texts))
        for _ in range(chance.randint(1, 3)):
            at = chance.randint(0, len(data))
            data[at : at + chance.randint(0, 3)] = chance.choice(
                [b"", b"\n", b'"', b"]", b"[", b"=", b"{", b".", b"9", b"\x00", b"\xc3", b"_", b"#"]
            )
        try:
            document = source.parse(data.decode(errors="replace"), "c.toml")
        except ConfigError:
            refused += 1
            continue
        accepted += 1
        assert (form(document) == []) == (schema.findings("config", document) == [])
        compiling.problems(document, data.decode(errors="replace"), "c.toml")
    assert refused > 500
    assert accepted > 300
