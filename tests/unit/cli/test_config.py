# SPDX-License-Identifier: Apache-2.0
"""``ocihook config``, and the commands that do as the configuration says."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ocihook import schema
from ocihook.cli import scheduler as scheduler_command
from ocihook.config.template import document_of
from ocihook.install import hooks
from ocihook.policy import Policy
from ocihook.sched import loader

Run = Callable[..., Any]

BROKEN = '[limits]\nwieght_max = 5\nweight_min = 0\n\n[enrol]\nwho = "some"\n'


@pytest.fixture
def check(run: Run, tmp_path: Path) -> Run:
    """Check the configuration, beside hooks.d files of this test's own."""
    return lambda *words: run("config", "check", *words, "--hooks-dir", str(tmp_path))


def test_check_of_what_is_not_there(check: Run, config: Path) -> None:
    assert check() == (0, f"{config}: not there, the defaults hold\n", "")
    outcome = check("/nonexistent")
    why = "no such file or directory (name a file that you may read)"
    assert outcome == (78, "", f"ocihook: /nonexistent: {why}\n")


@pytest.mark.parametrize("named", [True, False])
def test_check_of_a_good_file(check: Run, config: Path, named: bool) -> None:
    config.write_text("[limits]\nweight_max = 5\n")
    config.chmod(0o644)
    assert check(*[str(config)] * named) == (0, f"{config}: right\n", "")


def test_check_says_all_that_is_wrong(check: Run, config: Path) -> None:
    config.write_text(BROKEN)
    config.chmod(0o644)
    assert check() == (
        78,
        "",
        f"ocihook: {config}:2: limits.wieght_max: unknown; did you mean weight_max?\n"
        f"ocihook: {config}:3: limits.weight_min: 0 is not an integer in 1..10000\n"
        f"ocihook: {config}:6: enrol.who: 'some' is none of 'annotated', 'all'\n",
    )


def test_check_of_what_is_not_toml(check: Run, config: Path) -> None:
    config.write_text("[limits")
    outcome = check(str(config))
    assert outcome.status == 78
    assert outcome.stderr.startswith(f"ocihook: {config}:1: ")


def test_check_of_a_file_that_the_hook_would_not_use(check: Run, config: Path) -> None:
    config.write_text("")
    config.chmod(0o666)
    assert check() == (
        78,
        "",
        f"ocihook: {config}: writable by others than its owner (mode 0666), so it is not used\n",
    )
    assert check(str(config)).status == 0  # somewhere else it may be a draft


def test_check_lets_the_schema_judge_too(
    check: Run, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "findings", lambda _name, _document: [("/a", "so it is")])
    config.write_text("")
    assert check(str(config)) == (78, "", f"ocihook: {config}: /a: so it is\n")


def test_check_says_when_the_hooks_d_files_do_not_fit(
    check: Run, config: Path, tmp_path: Path
) -> None:
    hooks.install(tmp_path, Path("/"), Path("/opt/ocihook-hook"))
    assert check().stderr == ""
    config.write_text('enrol.who = "all"\n')
    config.chmod(0o644)
    outcome = check()
    assert outcome.status == 0
    assert outcome.stderr.splitlines() == [
        f"ocihook: {tmp_path}/ocihook-{stage}.json: selects other containers than [enrol] "
        "(run: ocihook install)"
        for stage in hooks.STAGES
    ]
    assert check(str(config)).stderr == ""


def test_show(run: Run, config: Path) -> None:
    outcome = run("config", "show")
    assert outcome.stdout.startswith("# the defaults\n[enrol]\n")
    assert tomllib.loads(outcome.stdout) == document_of(Policy())
    config.write_text('[hook]\non_error = "refuse"\n')
    config.chmod(0o644)
    outcome = run("config", "show")
    assert outcome.stdout.startswith(f"# {config}\n")
    assert 'on_error = "refuse"  # default: "start"\n' in outcome.stdout
    document = json.loads(run("config", "show", "--json").stdout)
    assert document == document_of(Policy(on_error="refuse"))
    assert schema.findings("config", document) == []


def test_show_of_a_broken_file_says_what_holds(run: Run, config: Path) -> None:
    config.write_text(BROKEN)
    config.chmod(0o644)
    outcome = run("config", "show")
    assert outcome.status == 0
    assert outcome.stderr == (
        f"ocihook: {config}:2: limits.wieght_max: unknown; did you mean weight_max?, and 2 more "
        "(see: ocihook config check); what is right in it counts, and wishes that the rest may "
        "limit are refused\n"
    )
    assert tomllib.loads(outcome.stdout) == document_of(Policy())
    assert 'weight_max = "cgroup"  # cannot be known, so no wish passes it\n' in outcome.stdout


def test_a_host_share_of_before_is_no_mistake(
    run: Run, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    masks: list[int] = []

    def restore(given_out: int) -> tuple[int, list[str]]:
        masks.append(given_out)
        return 0, []

    monkeypatch.setattr(loader, "start", lambda: True)
    monkeypatch.setattr(scheduler_command, "restore_cells", restore)
    config.write_text('[host]\nshare_percent = 35\n[limits]\nown_cpus = "2-3"\n')
    config.chmod(0o644)
    assert run("scheduler", "start")[2] == ""
    assert masks == [0b1100]


def test_install_makes_the_files_for_the_configuration(run: Run, tmp_path: Path) -> None:
    outcome = run("install", "--root", str(tmp_path))
    assert outcome.stdout.startswith(f"placed {tmp_path}/etc/ocihook/config.toml\n")
    path = tmp_path / "usr/share/containers/oci/hooks.d/ocihook-createRuntime.json"
    assert "annotations" in json.loads(path.read_text())["when"]
    (tmp_path / "etc/ocihook/config.toml").write_text('enrol.who = "all"\n')
    outcome = run("install", "--root", str(tmp_path))
    assert f"kept {tmp_path}/etc/ocihook/config.toml\n" in outcome.stdout
    assert json.loads(path.read_text())["when"] == {"always": True}
    outcome = run("uninstall", "--root", str(tmp_path))
    assert outcome.stdout.endswith(f"left {tmp_path}/etc/ocihook/config.toml\n")


def test_install_does_nothing_where_the_configuration_is_broken(run: Run, tmp_path: Path) -> None:
    (tmp_path / "etc/ocihook").mkdir(parents=True)
    (tmp_path / "etc/ocihook/config.toml").write_text(BROKEN)
    outcome = run("install", "--root", str(tmp_path))
    assert outcome.status == 78
    assert "config.toml:2: limits.wieght_max: unknown" in outcome.stderr
    assert not (tmp_path / "usr").exists()
