# SPDX-License-Identifier: Apache-2.0
"""``ocihook install`` as somebody at a terminal sees it."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ocihook
from ocihook import paths, schema
from ocihook.cli import install as command
from ocihook.install import service
from ocihook.install.layout import layout

Run = Callable[..., Any]


@pytest.fixture(autouse=True)
def configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have it below --root, as it is in real life."""
    monkeypatch.setattr("ocihook.install.configuration.CONFIG_FILE", "/etc/ocihook/config.toml")


def test_what_is_placed_is_there(run: Run, tmp_path: Path) -> None:
    outcome = run("install", "--root", str(tmp_path))
    assert (outcome.status, outcome.stderr) == (0, "")
    steps = [line.split(" ", 1) for line in outcome.stdout.splitlines()]
    assert {action for action, _ in steps} == {"placed", "compiled"}
    assert all(Path(path).exists() for _, path in steps)
    share = tmp_path / "usr/share"
    assert (share / "man/man1/ocihook-cells.1").exists()
    assert (share / "bash-completion/completions/ocihook").exists()
    assert run("install", "--root", str(tmp_path)).stdout.count("kept ") == len(steps) - 1
    assert run("uninstall", "--root", str(tmp_path)).status == 0
    assert [path for path in tmp_path.rglob("*") if not path.is_dir()] == []


def test_dry_run(run: Run, tmp_path: Path) -> None:
    outcome = run("install", "--root", str(tmp_path), "--dry-run")
    assert outcome.status == 0
    assert {line.split(" /")[0] for line in outcome.stdout.splitlines()} == {
        "would be placed",
        "would be compiled",
    }
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("arguments", [(), ("--dry-run",)])
@pytest.mark.parametrize("name", ["install", "uninstall"])
def test_json(run: Run, tmp_path: Path, name: str, arguments: tuple[str, ...]) -> None:
    outcome = run(name, "--root", str(tmp_path), "--json", *arguments)
    document = json.loads(outcome.stdout)
    assert schema.findings("installation", document) == []
    assert document["dry_run"] == bool(arguments)
    assert document["next"] == [], "a package's own scripts know what is next"


def test_a_foreign_file_is_named(run: Run, tmp_path: Path) -> None:
    unit = tmp_path / "usr/lib/systemd/system/ocihook.service"
    unit.parent.mkdir(parents=True)
    unit.write_text("[Unit]\n")
    assert run("install", "--root", str(tmp_path)) == (
        os.EX_CANTCREAT,
        "",
        f"ocihook: {unit}: is not ocihook's (move it away, or use --force)\n",
    )


def test_what_others_may_write_is_named_even_by_force(run: Run, tmp_path: Path) -> None:
    path = Path(ocihook.__file__)
    here = tmp_path / path.relative_to("/")
    here.parent.mkdir(parents=True)
    here.touch()
    here.chmod(0o666)
    said = f"ocihook: {path}: mode 0666, owner {os.geteuid()}:{os.getegid()}: others may write"
    refused = run("install", "--root", str(tmp_path))
    assert (refused.status, refused.stdout) == (os.EX_CANTCREAT, "")
    assert refused.stderr.startswith(said)
    forced = run("install", "--root", str(tmp_path), "--force")
    assert forced.status == 0
    assert forced.stderr == f"{said} what root runs\n"


def test_prefix_and_runtime(run: Run, tmp_path: Path) -> None:
    options = ("--prefix", "/usr/local", "--runtime", "bundle")
    assert run("install", "--root", str(tmp_path), *options).status == 0
    assert not (tmp_path / "usr/share").exists()
    program = tmp_path / "usr/local/libexec/oci/hooks.d/ocihook-hook"
    assert program.stat().st_mode & 0o111
    assert list(tmp_path.rglob("*.json")) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--system", "--prefix", "/opt"), "--system and --prefix: give one of them"),
        (("--runtime", "docker"), "--runtime docker: none of podman, cri-o, bundle"),
    ],
)
def test_usage(run: Run, arguments: tuple[str, ...], message: str, tmp_path: Path) -> None:
    outcome = run("install", "--root", str(tmp_path), *arguments)
    assert outcome.status == 2
    assert message in " ".join(outcome.stderr.replace("│", " ").split())
    assert not any(tmp_path.iterdir())


PLACED = ("placed", Path("/usr/lib/systemd/system/ocihook.service"))
KEPT = ("kept", PLACED[1])
ENABLE = "systemctl daemon-reload && systemctl enable --now"


@pytest.mark.parametrize(
    ("prefix", "hooks_dir", "runtime", "booted", "steps", "expected"),
    [
        ("/usr", None, "podman", True, [PLACED],
         [f"{ENABLE} ocihook.service", "ocihook doctor"]),
        ("/usr", None, "cri-o", True, [KEPT], ["ocihook doctor"]),
        ("/usr", None, "podman", False, [PLACED], ["ocihook scheduler start", "ocihook doctor"]),
        ("/usr", "/etc/containers/oci/hooks.d", "podman", True, [KEPT],
         ["name /etc/containers/oci/hooks.d as hooks_dir below [engine] in "
          "/etc/containers/containers.conf", "ocihook doctor"]),
        ("/opt/x", None, "cri-o", True,
         [("placed", Path("/opt/x/lib/systemd/system/ocihook.service"))],
         ["name /opt/x/share/containers/oci/hooks.d as hooks_dir below [crio.runtime] in a file "
          "of /etc/crio/crio.conf.d",
          f"{ENABLE} /opt/x/lib/systemd/system/ocihook.service", "ocihook doctor"]),
        ("/usr", None, "bundle", False, [PLACED],
         [f"ocihook bundle inject --hook {paths.HOOK_PROGRAM} DIR", "ocihook scheduler start",
          "ocihook doctor"]),
    ],
)  # fmt: skip
def test_what_is_left_to_do(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    prefix: str,
    hooks_dir: str | None,
    runtime: str,
    booted: bool,
    steps: list[tuple[str, Path]],
    expected: list[str],
) -> None:
    monkeypatch.setattr(service, "RUNNING", tmp_path if booted else tmp_path / "no")
    places = layout(Path(prefix), Path(hooks_dir) if hooks_dir else None)
    assert list(command._after_install(places, Path("/"), runtime, steps)) == expected


def test_what_is_left_to_do_after_uninstall(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(service, "RUNNING", tmp_path)
    monkeypatch.setattr(paths, "PIN_DIR", str(tmp_path))
    steps = [("removed", PLACED[1])]
    assert list(command._after_uninstall(layout(), Path("/"), steps)) == [
        "ocihook scheduler stop",
        "systemctl daemon-reload",
    ]
    monkeypatch.setattr(paths, "PIN_DIR", str(tmp_path / "no"))
    assert list(command._after_uninstall(layout(), Path("/"), [("absent", PLACED[1])])) == []


@pytest.mark.parametrize("name", ["install", "uninstall"])
def test_what_somebody_reads_before_it_is_done(
    run: Run, tmp_path: Path, snapshot: Callable[[str, str], None], name: str
) -> None:
    if name == "uninstall":
        run("install", "--root", str(tmp_path))
        (tmp_path / "etc/ocihook/config.toml").write_text("[limits]\n")
    shown = run(name, "--root", str(tmp_path), "--dry-run").stdout
    shown = re.sub(r".*/man1/ocihook-\w+\.1\n", "", shown)  # more with each command
    package = Path(ocihook.__file__).parent
    snapshot(f"{name}-dry-run", shown.replace(f"{tmp_path}/", "/").replace(str(package), "PACKAGE"))
