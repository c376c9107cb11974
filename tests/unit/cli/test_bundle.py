# SPDX-License-Identifier: Apache-2.0
"""``ocihook bundle``: what it says, and which program the hooks name."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ocihook import schema
from ocihook.paths import HOOK_PROGRAM

Run = Callable[..., Any]
Snapshot = Callable[[str, str], None]
PROGRAM = "/opt/ocihook-hook"


def programs(bundle: Path) -> dict[str, list[str]]:
    stages = json.loads((bundle / "config.json").read_text()).get("hooks", {})
    return {stage: [hook["path"] for hook in there] for stage, there in stages.items()}


def test_in_and_out(run: Run, bundle: Path) -> None:
    config = bundle / "config.json"
    inject = ("bundle", "inject", str(bundle), "--hook", PROGRAM, "--force")
    assert run(*inject) == (0, f"injected {config}\n", "")
    assert programs(bundle) == {
        "createRuntime": [PROGRAM], "poststart": [PROGRAM], "poststop": [PROGRAM]
    }  # fmt: skip
    assert run(*inject) == (0, f"kept {config}\n", "")
    assert run("bundle", "eject", str(bundle)) == (0, f"ejected {config}\n", "")
    assert programs(bundle) == {}
    assert run("bundle", "eject", str(bundle)) == (0, f"absent {config}\n", "")


@pytest.mark.parametrize(
    ("options", "program"),
    [([], HOOK_PROGRAM), (["--hook", "/x/y"], "/x/y"),
     (["--prefix", "/usr/local"], "/usr/local/libexec/oci/hooks.d/ocihook-hook")],
)  # fmt: skip
def test_the_program(run: Run, bundle: Path, options: list[str], program: str) -> None:
    assert run("bundle", "inject", str(bundle), "--force", *options).status == 0
    assert set(map(tuple, programs(bundle).values())) == {(program,)}


def test_a_dry_run_shows_the_difference(run: Run, tmp_path: Path, snapshot: Snapshot) -> None:
    config = tmp_path / "config.json"
    before = '{\n\t"ociVersion": "1.2.0",\n\t"root": {\n\t\t"path": "rootfs"\n\t}\n}\n'
    config.write_text(before)
    outcome = run("bundle", "inject", str(tmp_path), "--hook", PROGRAM, "--force", "--dry-run")
    assert (outcome.status, outcome.stderr) == (0, "")
    snapshot("bundle-inject-dry-run", outcome.stdout.replace(str(tmp_path), "/bundle"))
    assert config.read_text() == before
    run("bundle", "inject", str(tmp_path), "--hook", PROGRAM, "--force")
    again = run("bundle", "inject", str(tmp_path), "--hook", PROGRAM, "--force", "--dry-run")
    assert again.stdout == f"kept {config}\n"


def test_what_is_shown_is_text(run: Run, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(
        '{\n\t"ociVersion": "1.2.0",\n\t"root": {"path": "\x7f\u202e"}\n}\n'
    )
    shown = run("bundle", "inject", str(tmp_path), "--force", "--dry-run").stdout
    assert '+\t"root": {"path": "\\x7f\\u202e"},\n' in shown


def test_systemd_nspawn_does_not_start_it(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text('{"ociVersion": "1.0.0"}\n')
    note = (
        "note: systemd-nspawn does not start the bundle (252, 257 and 262); runc, crun and youki"
        " do\n"
    )
    inject = ("bundle", "inject", str(tmp_path), "--force")
    assert run(*inject, "--dry-run").stdout.endswith(f"\n{note}")
    assert run(*inject) == (0, f"injected {config}\n{note}", "")
    assert run(*inject) == (0, f"kept {config}\n{note}", "")
    assert json.loads(run(*inject, "--json").stdout)["note"] in note
    assert run("bundle", "eject", str(tmp_path)) == (0, f"ejected {config}\n", "")


@pytest.mark.parametrize("dry_run", [[], ["--dry-run"]])
def test_json(run: Run, bundle: Path, dry_run: list[str]) -> None:
    outcome = run("bundle", "inject", str(bundle), "--force", "--json", *dry_run)
    document = json.loads(outcome.stdout)
    assert schema.findings("bundle-change", document) == []
    assert (document["action"], document["dry_run"]) == ("injected", bool(dry_run))
    assert document["config"] == str(bundle / "config.json")
    assert document["diff"].startswith("--- ")
    outcome = run("bundle", "eject", str(bundle), "--json")
    document = json.loads(outcome.stdout)
    assert schema.findings("bundle-change", document) == []
    assert document["action"] == ("absent" if dry_run else "ejected")


def test_no_bundle(run: Run, tmp_path: Path) -> None:
    hint = "a bundle is a directory with config.json and the root file system; runc spec makes one"
    message = f"ocihook: {tmp_path}/config.json: no such file or directory ({hint})\n"
    for words in (["inject", "--force"], ["eject"]):
        assert run("bundle", *words, str(tmp_path)) == (os.EX_DATAERR, "", message)


def test_no_program(run: Run, bundle: Path) -> None:
    program = bundle / "none"
    assert run("bundle", "inject", str(bundle), "--hook", str(program)) == (
        os.EX_CANTCREAT,
        "",
        f"ocihook: {program}: no such program, and a container whose hook is missing does not start"
        " (run: ocihook install; or name another with --hook; or use --force)\n",
    )
    assert programs(bundle) == {}


def test_prefix_and_hook_say_different_things(run: Run, bundle: Path) -> None:
    outcome = run("bundle", "inject", str(bundle), "--prefix", "/a", "--hook", "/b")
    assert outcome.status == 2
    assert "give one of them" in outcome.stderr


def test_somebody_elses_bundle(run: Run, bundle: Path) -> None:
    (bundle / "config.json").chmod(0)
    before = os.geteuid()
    os.seteuid(before or 65534)
    try:
        outcome = run("bundle", "eject", str(bundle))
    finally:
        os.seteuid(before)
    assert outcome == (
        os.EX_NOPERM,
        "",
        f"ocihook: {bundle}/config.json: permission denied (run this command as root)\n",
    )
