# SPDX-License-Identifier: Apache-2.0
"""Debian's systemd-nspawn and bundles with hooks: how far its parser comes, since it starts none.

Without a /usr in the root file system it ends right after config.json, and says so.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ocihook import nspawn
from ocihook.install import bundle
from tests.vm import programs

# Skips for these reasons are allowed in continuous integration: tests/conftest.py.
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root and systemd-nspawn")


def taken(directory: Path, document: dict[str, Any]) -> bool:
    """Tell whether it takes the config.json."""
    debian = programs.unpacked("systemd-container")
    libraries = [debian.directory / place for place in ("usr/lib", "lib")]
    places = [str(each / "x86_64-linux-gnu" / "systemd") for each in libraries]
    (directory / "rootfs").mkdir(parents=True, exist_ok=True)
    (directory / "config.json").write_text(json.dumps(document))
    done = subprocess.run(
        [debian.find("systemd-nspawn"), f"--oci-bundle={directory}"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "LD_LIBRARY_PATH": ":".join([debian.library_path, *places])},
    )  # fmt: skip
    assert done.returncode == 1
    return "doesn't look like it has an OS tree" in done.stderr


def test_the_hooks_that_it_refuses(tmp_path: Path) -> None:
    plain = {
        "ociVersion": "1.0.0", "root": {"path": "rootfs"}, "process": {"cwd": "/", "args": ["x"]}
    }  # fmt: skip
    assert taken(tmp_path / "plain", plain)
    assert taken(tmp_path / "empty", {**plain, "hooks": {}})
    for stage in ("createRuntime", "createContainer", "startContainer"):
        document = {**plain, "hooks": {stage: []}}
        assert nspawn.refused(document) == [("hooks", stage)]
        assert not taken(tmp_path / stage, document)
    assert not taken(tmp_path / "newer", {**plain, "ociVersion": "1.0.2"})
    change = bundle.inject(tmp_path / "plain", Path("/bin/true"))
    assert change.note == nspawn.REFUSAL
    assert not taken(tmp_path / "plain", json.loads(change.config.read_text()))
    bundle.eject(tmp_path / "plain")
    assert taken(tmp_path / "plain", json.loads(change.config.read_text()))
