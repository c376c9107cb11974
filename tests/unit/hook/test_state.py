# SPDX-License-Identifier: Apache-2.0
import json
import os
from pathlib import Path

import pytest

from ocihook.errors import StateError
from ocihook.hook import state
from ocihook.release import bundle_hash

GOOD = {"id": "c1", "status": "creating", "bundle": "/b", "pid": 5}
DATA = Path(__file__).parents[2] / "data" / "state" / "good"


def test_members() -> None:
    document = {**GOOD, "ociVersion": 3, "annotations": {"a": "b"}, "root": None}
    parsed = state.parse(json.dumps(document).encode())
    assert (parsed.id, parsed.status, parsed.bundle) == ("c1", "creating", "/b")
    assert (parsed.pid, parsed.annotations) == (5, {"a": "b"})


@pytest.mark.parametrize("pid", [None, 0, -1])
def test_no_process(pid: int | None) -> None:
    assert state.parse(json.dumps({**GOOD, "pid": pid}).encode()).pid is None


def test_escaped_slashes_as_crun_1_28_writes_them() -> None:
    parsed = state.parse((DATA / "captured-crun-1.28-createRuntime.json").read_bytes())
    assert parsed.bundle == "/run/bundles/one"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": None}, "state: id: missing"),
        ({"id": ""}, "state: id: missing"),
        ({"id": 7}, "state: id: not a string"),
        ({"id": "a/b"}, "state: id: not the name of a directory"),
        ({"id": ".."}, "state: id: not the name of a directory"),
        ({"id": "a\0"}, "state: id: contains a NUL"),
        ({"id": "\u00e9" * 128}, "state: id: more than 255 bytes"),
        ({"id": "\ud800"}, "state: id: not valid Unicode"),
        ({"status": None}, "state: status: missing"),
        ({"bundle": None}, "state: bundle: missing"),
        ({"bundle": "b"}, "state: bundle: not an absolute path"),
        ({"bundle": "/" * 4097}, "state: bundle: 4097 bytes, more than 4096"),
        ({"pid": "5"}, "state: pid: not an integer"),
        ({"pid": 5.0}, "state: pid: not an integer"),
        ({"pid": True}, "state: pid: not an integer"),
        ({"pid": -2}, "state: pid: not in -1..4194304"),
        ({"annotations": []}, "state: annotations: not an object"),
        ({"annotations": {"a\n": 1}}, "state: annotations['a\\n']: not a string"),
    ],
)
def test_refuses(change: dict[str, object], message: str) -> None:
    with pytest.raises(StateError) as caught:
        state.parse(json.dumps({**GOOD, **change}).encode())
    assert str(caught.value) == message


def at(bundle: object) -> int:
    return state.parse(json.dumps({**GOOD, "bundle": str(bundle)}).encode()).bundle_hash()


def test_all_names_of_a_bundle_are_one(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    names = ["real", "link", "real/", "link/../real/."]
    assert len({at(f"{tmp_path}/{name}") for name in names}) == 1


def test_a_bundle_that_is_gone_keeps_its_identity(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    before = at(tmp_path / "real")
    (tmp_path / "real").rmdir()
    assert at(tmp_path / "real") == before


@pytest.mark.parametrize(
    "path", ["/", "//", "/b", "/b/", "/link", "/link/c", "/link/none/deep", "/none/x/", "/b/./c"]
)
def test_bundle_hash_is_that_of_the_real_path(tmp_path: Path, path: str) -> None:
    """os.path.realpath is what it has to agree with, also where the bundle is gone."""
    (tmp_path / "b/c").mkdir(parents=True)
    (tmp_path / "link").symlink_to("b")
    bundle = path if path in ("/", "//") else f"{tmp_path}{path}"
    parsed = state.parse(json.dumps(GOOD | {"bundle": bundle}).encode())
    assert parsed.bundle_hash() == bundle_hash(os.path.realpath(bundle).replace("//", "/"))
