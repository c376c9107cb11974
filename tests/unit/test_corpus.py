# SPDX-License-Identifier: Apache-2.0
"""One verdict from the schema and from the hand-written parser, over tests/data."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocihook import schema
from ocihook.errors import InputError
from ocihook.hook import annotations, bundle, state

DATA = Path(__file__).parents[1] / "data"
KINDS: dict[str, tuple[str, Callable[[bytes], object]]] = {
    "state": ("oci-state", state.parse),
    "config": ("oci-config", bundle.parse),
    "annotations": ("annotations", lambda data: annotations.parse(json.loads(data))),
}
DOCUMENTS = sorted(
    path.relative_to(DATA) for kind in KINDS for path in (DATA / kind).glob("*/*.json")
)


def accepted_by_parser(kind: str, data: bytes) -> bool:
    try:
        KINDS[kind][1](data)
    except InputError:
        return False
    return True


def accepted_by_schema(kind: str, document: object) -> bool:
    return not schema.findings(KINDS[kind][0], document)


@pytest.mark.parametrize("path", DOCUMENTS, ids=str)
def test_document(path: Path) -> None:
    kind, verdict, _ = path.parts
    data = (DATA / path).read_bytes()
    assert accepted_by_parser(kind, data) == (verdict == "good")
    assert accepted_by_schema(kind, json.loads(data)) == (verdict == "good")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("verdict", ["good", "bad"])
def test_there_are_documents(kind: str, verdict: str) -> None:
    assert len([path for path in DOCUMENTS if path.parts[:2] == (kind, verdict)]) >= 5


scalars: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 0, 1, -1, -2, 1.0, 0.5, 2**22, 2**22 + 1, 2**63, 2**64, "", "/", "a", "..", "0-3",
     "3-0", ",", "0 ,1", "a\0", "\ud800", "true", "100", "0100", "100\n", "off", "2,", " 2",
     "1023", "1024", "2-1023", "4 4", "\t", [], {}, [1], ["a"],
     [{}], [{"type": "pid"}], {"a": "b"}, {"a": 1}]
)  # fmt: skip
keys = {
    "state": ["id", "status", "bundle", "pid", "annotations", "root"],
    "config": ["annotations", "process", "linux"],
    "annotations": [*annotations.KNOWN, "org.ocihook/x", "org.ocihook", "a"],
}
cpu = st.dictionaries(st.sampled_from(["shares", "quota", "period", "burst", "cpus", "x"]), scalars)
nested = {
    "process": st.fixed_dictionaries(
        {"execCPUAffinity": st.dictionaries(st.sampled_from(["initial", "final"]), scalars)}
    ),
    "linux": st.fixed_dictionaries(
        {"resources": st.fixed_dictionaries({"cpu": cpu})},
        optional={"cgroupsPath": scalars, "namespaces": scalars},
    ),
}


@given(st.data())
@pytest.mark.parametrize("kind", KINDS)
def test_made_up_document(kind: str, data: st.DataObject) -> None:
    document = {
        key: data.draw(scalars | nested.get(key, scalars), label=key)
        for key in data.draw(st.sets(st.sampled_from(keys[kind])))
    }
    if kind == "state":
        document = {"id": "a", "status": "b", "bundle": "/", **document}
    if kind == "annotations":  # the parsers of state and config let nothing but strings through
        document = {key: value for key, value in document.items() if isinstance(value, str)}
    text = json.dumps(document).encode()
    assert accepted_by_parser(kind, text) == accepted_by_schema(kind, document)
