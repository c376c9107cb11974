# SPDX-License-Identifier: Apache-2.0
"""The config.json that stands in for one that is missing."""

import json
from pathlib import Path

import pytest

from ocihook.errors import BundleError
from ocihook.hook import bundle as bundles
from ocihook.hook import substitute
from ocihook.hook.state import ContainerState


@pytest.fixture
def crun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """crun's copy of the config.json of a container c1, which says what no other file does."""
    copy = tmp_path / "crun" / "c1"
    copy.mkdir(parents=True)
    config = {"annotations": {"a": "b"}, "process": {"execCPUAffinity": {"final": "1"}}}
    (copy / "config.json").write_text(json.dumps(config))
    monkeypatch.setattr(substitute, "CRUN_ROOT", str(tmp_path / "crun"))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    return copy


def container(bundle: object, **annotations: str) -> ContainerState:
    return ContainerState(
        id="c1", pid=5, status="created", bundle=str(bundle), annotations=annotations
    )


def test_a_bundle_that_is_there_needs_no_substitute(bundle: Path, crun: Path) -> None:
    state = container(bundle, a="b")
    assert bundles.find(state).exec_final == 0
    assert state.notes == []


@pytest.mark.parametrize("where", ["/", "/nonexistent"])
def test_cruns_copy_stands_in_for_a_missing_bundle(crun: Path, where: str) -> None:
    state = container(where, a="b")
    assert bundles.find(state).exec_final == 0b10
    (note,) = state.notes
    problem = {"/": "state: bundle: /, which cannot be one"}.get(
        where, "/nonexistent/config.json: no such file or directory"
    )
    assert str(note) == f"{problem} (read crun's copy: {crun}/config.json)"


def test_cruns_copy_below_the_runtime_directory(
    crun: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(substitute, "CRUN_ROOT", "/nonexistent")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert bundles.find(container("/", a="b")).exec_final == 0b10
    monkeypatch.setenv("XDG_RUNTIME_DIR", "relative")
    assert bundles.find(container("/", a="b")).exec_final == 0


@pytest.mark.parametrize("damage", ["another container's", "broken", "none"])
def test_without_any_config_the_annotations_are_enough(crun: Path, damage: str) -> None:
    if damage == "broken":
        (crun / "config.json").write_text("{")
    elif damage == "none":
        (crun / "config.json").unlink()
    state = container("/nonexistent", a="b" if damage != "another container's" else "c")
    found = bundles.find(state)
    assert (found.exec_final, found.annotations, found.cpus) == (0, {}, 0)
    (note,) = state.notes
    assert "the cell is as annotations and cgroup say" in str(note)


def test_a_broken_bundle_has_no_substitute(bundle: Path, crun: Path) -> None:
    (bundle / "config.json").write_text("{")
    with pytest.raises(BundleError, match="not JSON"):
        bundles.find(container(bundle, a="b"))
