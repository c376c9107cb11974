# SPDX-License-Identifier: Apache-2.0
"""containerd, through ``ctr run --config``: hooks stand in the document, and its shim calls them.

The bundle is containerd's copy, /run/containerd/io.containerd.runtime.v2.task/default/ID, and
poststop comes from the ``delete`` that the shim calls.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from bundle import PARENT, TIMEOUT_S, config
from cells import cells_of
from hook_calls import Recorder
from waiting import until

from ocihook.paths import CGROUPFS

pytestmark = [pytest.mark.runtime, pytest.mark.usefixtures("scheduler")]

SLEEP = ("/bin/sleep", "1000")


def ctr(*arguments: str, check: bool = True) -> str:
    done = subprocess.run(
        ["ctr", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert not check or done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def containerd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Run the daemon, with the image's configuration: without Kubernetes' interface."""
    log = tmp_path_factory.mktemp("containerd") / "log"
    with log.open("wb") as output:
        daemon = subprocess.Popen(["containerd"], stdout=output, stderr=output)
    try:
        until(Path("/run/containerd/containerd.sock").exists, "containerd's socket")
        yield
    finally:
        daemon.terminate()
        daemon.wait(TIMEOUT_S)


@pytest.mark.usefixtures("containerd")
def test_a_hook_at_every_stage(runtime: str, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    name = f"ctr-{runtime}"
    weight = {"org.ocihook/weight": "250"}
    document = config(name, SLEEP, annotations=weight, hooks=recorder.hooks())
    root = tmp_path / "rootfs"
    root.mkdir()
    for link in ("bin", "sbin", "lib", "lib64"):
        (root / link).symlink_to(f"usr/{link}")
    document["root"]["path"] = str(root)
    file = tmp_path / "config.json"
    file.write_text(json.dumps(document))
    try:
        ctr("run", "--detach", "--null-io", f"--runc-binary={runtime}", f"--config={file}", name)
        (cell,) = cells_of(name)
        assert cell["cgroup"] == f"/{PARENT}/{name}"
        assert cell["cgid"] == Path(CGROUPFS, PARENT, name).stat().st_ino
        assert cell["weight"] == 250
    finally:
        ctr("task", "rm", "--force", name, check=False)
        ctr("container", "rm", name, check=False)
    assert cells_of(name) == []
    assert recorder.stages() == ["prestart", "createRuntime", "poststart", "poststop"]
    bundles = {state["bundle"] for _, state in recorder.calls()}
    assert bundles == {f"/run/containerd/io.containerd.runtime.v2.task/default/{name}"}
