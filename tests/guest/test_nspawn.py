# SPDX-License-Identifier: Apache-2.0
"""The suite's own systemd-nspawn starts a bundle, and not with our hooks: what we say is true.

tests/runtime/test_nspawn.py asks that of Debian 12, which starts none.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from bundle import TIMEOUT_S
from command import ocihook
from podman import busybox_root

from ocihook import nspawn
from ocihook.install.hooks import STAGES
from ocihook.validate.report import validate

pytestmark = pytest.mark.runtime

HOOK = [{"path": "/bin/true"}]


def starts(bundle: Path) -> bool:
    """Tell whether a container of the bundle runs; it says so."""
    done = subprocess.run(
        ["systemd-nspawn", f"--oci-bundle={bundle}", "--register=no", "--keep-unit",
         "--console=pipe"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    assert (done.returncode == 0) == (done.stdout == "here\n"), done.stderr
    return done.returncode == 0


def test_the_hooks_that_it_refuses(tmp_path: Path) -> None:
    root = busybox_root(tmp_path)
    for name in ("dev", "etc", "proc", "run", "sys", "tmp", "usr"):
        (root / name).mkdir()
    config = tmp_path / "config.json"
    plain: dict[str, Any] = {
        "ociVersion": "1.0.0",
        "root": {"path": "root"},
        "process": {"user": {"uid": 0, "gid": 0}, "cwd": "/",
                    "args": ["/bin/busybox", "echo", "here"]},
        "mounts": [],
    }  # fmt: skip

    def with_hooks(hooks: Any) -> dict[str, Any]:
        document = {**plain, "hooks": hooks}
        config.write_text(json.dumps(document))
        return document

    every = ("prestart", "createRuntime", "createContainer", "startContainer", "poststop", "x")
    cases = [None, {}, *({stage: at} for stage in every for at in (HOOK, [], None))]
    for hooks in cases:
        document = with_hooks(hooks)
        assert starts(tmp_path) == (not nspawn.refused(document)), hooks
        said = [each["message"] for each in validate(tmp_path)["findings"]]
        assert (nspawn.REFUSAL in said) == bool(nspawn.refused(document)), hooks

    config.write_text(json.dumps(plain))
    injected = json.loads(ocihook("bundle", "inject", "--json", str(tmp_path)).stdout)
    assert injected["note"] == nspawn.REFUSAL
    assert set(json.loads(config.read_text())["hooks"]) == set(STAGES)
    assert not starts(tmp_path)
    ocihook("bundle", "eject", str(tmp_path))
    assert starts(tmp_path)
