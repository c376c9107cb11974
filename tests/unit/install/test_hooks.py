# SPDX-License-Identifier: Apache-2.0
import json
import re
from pathlib import Path

import pytest

from ocihook import paths, schema
from ocihook.errors import InstallError
from ocihook.hook import stages
from ocihook.hook.process import DEADLINE_S
from ocihook.install import files, hooks

REPOSITORY = Path(__file__).parents[3]
HOOKS = Path("/etc/hooks.d")
PROGRAM = Path("/opt/ocihook-hook")
FILES = [f"etc/hooks.d/ocihook-{stage}.json" for stage in hooks.STAGES]


def install(root: Path, *, force: bool = False) -> list[files.Step]:
    return [
        step for step in hooks.install(root, HOOKS, PROGRAM, force=force) if step[0] != "compiled"
    ]


def named(root: Path, steps: list[files.Step]) -> list[tuple[str, str]]:
    return [(action, str(path.relative_to(root))) for action, path in steps]


def test_there_is_a_file_for_each_stage() -> None:
    assert tuple(stages.STAGES) == hooks.STAGES
    names = sorted(path.name for path in (REPOSITORY / "hooks.d").glob("*.json"))
    assert names == sorted(map(hooks.file_name, hooks.STAGES))


@pytest.mark.parametrize("stage", hooks.STAGES)
def test_hook_file(stage: str) -> None:
    document = json.loads(hooks.hook_file(stage))
    assert schema.findings("hooks", document) == []
    assert document["stages"] == [stage]
    assert document["hook"]["args"] == ["ocihook-hook", stage]
    assert document["hook"]["path"] == paths.HOOK_PROGRAM
    assert document["hook"]["timeout"] > DEADLINE_S


@pytest.mark.parametrize("stage", hooks.STAGES)
def test_the_file_in_the_repository_is_what_is_installed(stage: str) -> None:
    path = REPOSITORY / "hooks.d" / hooks.file_name(stage)
    assert path.read_bytes() == hooks.hook_file(stage)


@pytest.mark.parametrize(
    ("annotation", "matches"),
    [
        ("org.ocihook/cell", True),
        ("org.ocihook/weight", True),
        ("org.ocihook/cel", True),  # to be told about, not to be ignored
        ("org.ocihook", False),
        ("my.org.ocihook/cell", False),
        ("org-ocihook/cell", False),
    ],
)
def test_who_is_enrolled(annotation: str, matches: bool) -> None:
    ((pattern, value),) = json.loads(hooks.hook_file("createRuntime"))["when"][
        "annotations"
    ].items()
    assert bool(re.search(pattern, annotation)) == matches
    assert re.search(value, "")


def test_install_program_first_and_uninstall_it_last(tmp_path: Path) -> None:
    assert named(tmp_path, install(tmp_path)) == [
        ("placed", "opt/ocihook-hook"),
        *[("placed", name) for name in FILES],
    ]
    assert (tmp_path / "opt/ocihook-hook").stat().st_mode & 0o7777 == 0o755
    document = json.loads((tmp_path / FILES[0]).read_text())
    assert document["hook"]["path"] == str(PROGRAM)
    assert named(tmp_path, install(tmp_path)) == [
        ("kept", "opt/ocihook-hook"),
        *[("kept", name) for name in FILES],
    ]
    assert named(tmp_path, hooks.uninstall(tmp_path, HOOKS, PROGRAM)) == [
        *[("removed", name) for name in FILES],
        ("removed", "opt/ocihook-hook"),
    ]
    assert {action for action, _ in hooks.uninstall(tmp_path, HOOKS, PROGRAM)} == {"absent"}


def test_what_is_not_ours_stays(tmp_path: Path) -> None:
    program = tmp_path / "opt/ocihook-hook"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    with pytest.raises(InstallError, match="opt/ocihook-hook: is not ocihook's"):
        install(tmp_path)
    assert not (tmp_path / "etc").exists()
    assert named(tmp_path, hooks.uninstall(tmp_path, HOOKS, PROGRAM))[-1] == (
        "left",
        "opt/ocihook-hook",
    )
    assert ("placed", "opt/ocihook-hook") in named(tmp_path, install(tmp_path, force=True))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'{"hook": {"args": ["ocihook-hook", "x"]}}', True),
        (b'{"hook": {"args": ["other"]}}', False),
        (b'{"hook": {"args": []}}', False),
        (b'{"hook": {"args": null}}', False),
        (b"[]", False),
        (b"[" * 100000, False),
        (b"{", False),
        (b"\xff", False),
        (b"", False),
    ],
)
def test_is_ours(content: bytes, expected: bool) -> None:
    assert hooks.is_ours(content) == expected


def test_relative_paths_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InstallError, match="bin/ocihook-hook: not an absolute path"):
        hooks.install(tmp_path, HOOKS, Path("bin/ocihook-hook"))
