# SPDX-License-Identifier: Apache-2.0
"""One verdict from the schema and from the hand-written parser, over tests/data."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ocihook import schema
from ocihook.errors import BundleError, InputError, StateError
from ocihook.hook import annotations, bundle, state
from ocihook.validate.report import findings, validate

DATA = Path(__file__).parents[2] / "data"
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


@pytest.mark.parametrize("path", sorted((DATA / "hooks").glob("*/*.json")), ids=lambda p: p.stem)
def test_file_of_hooks_d(path: Path) -> None:
    """Engines read these, and no parser of ours."""
    found = schema.findings("hooks", json.loads(path.read_bytes()))
    assert (not found) == (path.parent.name == "good"), found


@pytest.mark.parametrize("path", sorted((DATA / "text" / "bad").iterdir()), ids=lambda p: p.stem)
def test_what_is_no_json_object_is_refused_as_such(path: Path) -> None:
    data = path.read_bytes()
    for parse, error in ((state.parse, StateError), (bundle.parse, BundleError)):
        with pytest.raises(error):
            parse(data)
    report = validate(path, "state")
    assert (report["errors"], report["findings"][0]["pointer"]) == (1, "")


CAPTURED = ("runc-1.1.15", "runc-1.3.6", "crun-1.21", "crun-1.28", "podman-5.4.2", "podman-5.8.6",
            "containerd-1.7.24", "containerd-2.1.9")  # fmt: skip


@pytest.mark.parametrize("program", CAPTURED)
def test_there_are_captured_documents_of(program: str) -> None:
    assert [path for path in DOCUMENTS if path.name.startswith(f"captured-{program}-")]


@pytest.mark.parametrize(
    "path", [path for path in DOCUMENTS if path.name.startswith("captured-")], ids=str
)
def test_what_real_programs_write_is_no_error(path: Path) -> None:
    document = json.loads((DATA / path).read_bytes())
    document.pop("hooks", None)  # of a machine that is not here
    found = findings(path.parts[0], document)
    assert [one for one in found if one.severity == "error"] == []
