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
from go_patterns import REFUSED, TAKEN
from hook_calls import Recorder
from podman import busybox_root, podman, remove_all, run

from ocihook.doctor import hook_dirs, hooks_d, hooks_format, runtimes
from ocihook.doctor.host import Host
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


def test_the_engines_own_judgement_of_hook_files(
    runtime: str, rootfs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """podman names every file that it refuses, so two calls judge all patterns, and ours does."""
    sound = json.loads(hook_file("poststop", Path("/bin/true")))
    good, bad = tmp_path / "good", tmp_path / "bad"
    for directory in (good, bad):
        directory.mkdir()
    once = ("--annotation=org.ocihook/weight=250", "--rm")

    def deep(levels: int) -> bytes:
        text = json.dumps(sound)[:-1] + ', "x": ' + "[" * (levels - 1) + "]" * (levels - 1) + "}"
        return text.encode()

    def write(path: Path, **members: object) -> str:
        document = {**sound, **members}
        path.write_text(json.dumps(document))
        return hooks_format.judge(document)[0]

    assert write(good / "all.json", when={"commands": list(TAKEN)}) == ""
    (good / "deep.json").write_bytes(deep(10_000))
    (bad / "deep.json").write_bytes(deep(10_001))
    assert [each.fault for each in hooks_d.read(Host(), [str(good)])] == ["", ""]
    podman("run", "--network=none", "--log-driver=none", *once, "--rootfs", str(rootfs),
           "/bin/busybox", "true", runtime=runtime, options=(f"--hooks-dir={good}",))  # fmt: skip

    for number, pattern in enumerate(REFUSED):
        assert "is no pattern to Go" in write(bad / f"{number}.json", when={"commands": [pattern]})
    assert "unknown" in write(bad / "version.json", version="2.0.0")
    assert write(bad / "newer.json", version="1.1.0") == ""
    others = {
        "twice": {b'"when": {': b'"When": {"commands": ["("]}, "when": {'},
        "type": {b"/bin/true": b"/nonexistent", b'"timeout": 30': b'"timeout": "30"'},
        "behind": {b"/bin/true": b"/bin/true/x"},
        "bits": {b'"timeout": 30': b'"timeout": 9223372036854775808'},
    }
    for name, changes in others.items():
        content = json.dumps(sound).encode()
        for old, new in changes.items():
            assert old in content
            content = content.replace(old, new)
        (bad / f"{name}.json").write_bytes(content)
    judged = {Path(each.path).stem: each.fault for each in hooks_d.read(Host(), [str(bad)])}
    assert all(judged[name] for name in (*others, "deep"))
    # With a byte order mark, and names in another case.
    conf = tmp_path / "containers.conf"
    conf.write_bytes(b"\xef\xbb\xbf" + f'[Engine]\nHooks_Dir = ["{bad}"]\n'.encode())
    monkeypatch.setenv("CONTAINERS_CONF", str(conf))
    with pytest.raises(AssertionError) as refused:
        run(rootfs, *once, runtime=runtime)
    said = str(refused.value)
    assert said.count("error parsing regexp") == len(REFUSED) + 1, said  # and "twice"
    for part in (
        "type.json",
        "bits.json",
        "exceeded max depth",
        "faccessat /bin/true/x: not a directory",
    ):
        assert part in said
    assert 'unrecognized hook version: \\"2.0.0\\"' in said.replace('"', '\\"').replace(
        "\\\\", "\\"
    )
    assert "newer.json" in said  # no podman before 6 knows it


SETTINGS = {
    '[engine]\nhooks_dir = ["/a"]\n': ["/a"],
    '[engine]\nHooks_Dir = ["/b", {append = false}]\n': ["/b"],
    '[Engine]\nhooks_dir = ["/b,c", "/d"]\n': ["/b,c", "/d"],
    "[engine]\nhooks_dir = []\n": [],
    "[engine]\nnum_locks = -1\n": None,
    '[containers]\nannotations = "x"\n': None,
    "engine = 1\n": None,
    "[engine]\nhooks_dir = [5]\n": None,
}
"""hooks_dir by containers.conf; None where podman refuses it.

No name is there in two cases: of those podman takes one, and another one the next time.
"""

TWICE = '[engine]\nhooks_dir = ["/a"]\nhooks_dir = ["/b"]\n'
"""No TOML. podman 5.4.2 takes it, for the later one, and 5.8.6 does not."""


def test_the_engines_own_judgement_of_its_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = tmp_path / "containers.conf"
    monkeypatch.setenv("CONTAINERS_CONF", str(conf))
    conf.write_text(TWICE)
    twice = ["/b"] if podman("--help", check=False) else None
    for text, dirs in {**SETTINGS, TWICE: twice}.items():
        conf.write_text(text)
        (engine,) = hook_dirs.engines(Host(), runtimes.find(Host()))
        assert (engine.name, engine.dirs) == ("podman", dirs), text
        if dirs is None:
            assert f"decode configuration {conf}: toml: line " in engine.source
            with pytest.raises(AssertionError, match="Failed to obtain podman configuration"):
                podman("ps")
        elif text != TWICE:
            assert engine.source == f"of {conf}"  # by our own reader, which says the same


def test_a_clone_has_no_annotations(rootfs: Path) -> None:
    """docs/howto-podman.md says so of 5.4.2 and 5.8.6: labels are copied, annotations are not.

    The clone is not started: it has lost the network mode, too.
    """
    container = run(rootfs, "--annotation=org.ocihook/weight=250", "--label=org.ocihook/weight=9")
    assert len(cells_of(container)) == 1
    (clone,) = json.loads(podman("inspect", podman("container", "clone", container)))
    assert "org.ocihook/weight" not in (clone["Config"]["Annotations"] or {})
    assert clone["Config"]["Labels"] == {"org.ocihook/weight": "9"}
