# SPDX-License-Identifier: Apache-2.0
"""podman with hooks.d files that its user names.

test_podman_lifecycle.py has the installed ones.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from cells import cells_of
from hook_calls import Recorder
from podman import busybox_root, podman, remove_all, run

from ocihook.install.hooks import STAGES, file_name, hook_file

pytestmark = [pytest.mark.runtime, pytest.mark.usefixtures("scheduler")]

IN_CONTAINER = ("createContainer", "startContainer")
"""Stages that we do not hook, whose programs run in the container's mount namespace."""


@pytest.fixture
def rootfs(tmp_path: Path) -> Iterator[Path]:
    yield busybox_root(tmp_path)
    remove_all()


def test_a_hook_at_every_stage_of_a_hooks_dir(runtime: str, rootfs: Path, tmp_path: Path) -> None:
    """``--hooks-dir`` takes the place of the installed directory: no hook runs twice."""
    recorder = Recorder(tmp_path)
    directory = tmp_path / "hooks.d"
    directory.mkdir()
    for stage in STAGES:
        (directory / file_name(stage)).write_bytes(hook_file(stage, recorder.program))
    for stage in IN_CONTAINER:
        document = json.loads(hook_file("createRuntime"))
        document["hook"]["args"][1] = stage
        document["stages"] = [stage]
        (directory / file_name(stage)).write_text(json.dumps(document))
    for name in ("lib", "lib64"):
        (rootfs / name).symlink_to(os.readlink(f"/{name}"))

    options = (f"--hooks-dir={directory}",)
    enrol = ("--annotation=org.ocihook/weight=250", "--volume=/usr:/usr:ro")
    container = run(rootfs, *enrol, runtime=runtime, globally=options)
    assert len(cells_of(container)) == 1
    podman("rm", "--force", "--time=0", container, runtime=runtime, options=options)
    assert cells_of(container) == []
    assert recorder.stages() == list(STAGES)
    for stage, state in recorder.calls():
        assert state["id"] == container, stage
        assert state["annotations"]["org.ocihook/weight"] == "250", stage
