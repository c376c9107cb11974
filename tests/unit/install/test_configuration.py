# SPDX-License-Identifier: Apache-2.0
"""The configuration file on a host, and the hooks.d files that are made for what it says."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from ocihook import schema
from ocihook.config.template import default_text
from ocihook.errors import ConfigError
from ocihook.install import configuration, hooks
from ocihook.policy import Policy

HOOKS = Path("/etc/hooks.d")
FILE = "etc/ocihook/config.toml"


def test_it_is_placed_once_and_removed_if_nobody_touched_it(tmp_path: Path) -> None:
    path = tmp_path / FILE
    assert configuration.install(tmp_path) == ("placed", path)
    assert path.read_text() == default_text()
    assert path.stat().st_mode & 0o7777 == 0o644
    assert configuration.install(tmp_path) == ("kept", path)
    assert configuration.uninstall(tmp_path) == ("removed", path)
    assert configuration.uninstall(tmp_path) == ("absent", path)


def test_what_somebody_wrote_stays(tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.parent.mkdir(parents=True)
    path.write_text("[limits]\n")
    assert configuration.install(tmp_path) == ("kept", path)
    assert configuration.uninstall(tmp_path) == ("left", path)
    assert path.read_text() == "[limits]\n"


def test_a_dangling_link_stays(tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.parent.mkdir(parents=True)
    path.symlink_to("nowhere")
    assert configuration.install(tmp_path) == ("kept", path)
    assert path.is_symlink()


def test_read(tmp_path: Path) -> None:
    assert configuration.read(tmp_path) == Policy()
    configuration.install(tmp_path)
    assert configuration.read(tmp_path) == Policy(file=str(tmp_path / FILE))
    (tmp_path / FILE).write_text("[limits]\nweight_max = 0\n")
    with pytest.raises(ConfigError, match=rf"{FILE}:2: limits.weight_max: 0 is neither an integer"):
        configuration.read(tmp_path)
    (tmp_path / FILE).unlink()
    (tmp_path / FILE).mkdir()
    with pytest.raises(ConfigError, match=rf"{FILE}: not a regular file"):
        configuration.read(tmp_path)


def test_no_link_below_a_root_is_read(tmp_path: Path) -> None:
    elsewhere = tmp_path / "config.toml"
    elsewhere.write_text("[limits]\nweight_max = 7\n")
    path = tmp_path / "image" / FILE
    path.parent.mkdir(parents=True)
    path.symlink_to(elsewhere)
    with pytest.raises(ConfigError, match=rf"{FILE}: too many levels of symbolic links"):
        configuration.read(tmp_path / "image")


def selects(policy: Policy, annotations: dict[str, str]) -> bool:
    """As containers/common does (pkg/hooks/1.0.0/when.go): unanchored, all pairs have to match."""
    when = configuration.when(policy)
    if "always" in when:
        return bool(when["always"])
    return all(
        any(re.search(key, name) and re.search(value, text) for name, text in annotations.items())
        for key, value in when["annotations"].items()
    )


@pytest.mark.parametrize(
    ("policy", "annotations", "expected"),
    [
        (Policy(), {"org.ocihook/cell": "web"}, True),
        (Policy(), {"com.example/tier": "web"}, False),
        (Policy(who="all"), {}, True),
        (Policy(cgroups=["/a"]), {}, True),
        (Policy(annotations={"com.example/tier": "w*"}), {"com.example/tier": "x"}, True),
        (Policy(annotations={"com.example/tier": "w*"}), {"com.example/tiers": "x"}, False),
        (Policy(annotations={"com.example/tier": "w*"}), {"comXexample/tier": "x"}, False),
        (Policy(annotations={"com.example/tier": "w*"}), {"org.ocihook/weight": "5"}, True),
        (Policy(annotations={"a": "*", "b": "*"}), {"b": ""}, True),
        (Policy(exclude_cgroups=["/a"]), {}, False),
    ],
)
def test_whom_the_engine_selects(
    policy: Policy, annotations: dict[str, str], expected: bool
) -> None:
    """Everybody whom the hook may have to enrol, and without need nobody else."""
    assert selects(policy, annotations) == expected
    document = json.loads(hooks.hook_file("poststart", policy=policy))
    assert schema.findings("hooks", document) == []
    assert document["when"] == configuration.when(policy)


def test_the_engine_waits_longer_than_the_hook() -> None:
    document = json.loads(hooks.hook_file("poststop", policy=Policy(deadline_s=600)))
    assert document["hook"]["timeout"] == 610


@pytest.fixture
def placed(tmp_path: Path) -> Path:
    hooks.install(tmp_path, HOOKS, Path("/opt/ocihook-hook"))
    return tmp_path / "etc/hooks.d"


def test_what_is_installed_fits(placed: Path) -> None:
    assert hooks.misfits(Policy(), placed) == []
    assert hooks.misfits(Policy(weight_max=5, exclude_cgroups=["/a"]), placed) == []
    assert hooks.misfits(Policy(who="all"), placed.parent) == []


def test_what_is_installed_and_does_not_fit(placed: Path) -> None:
    assert hooks.misfits(Policy(who="all"), placed) == [
        f"{placed}/ocihook-{stage}.json: selects other containers than [enrol] "
        "(run: ocihook install)"
        for stage in hooks.STAGES
    ]
    assert hooks.misfits(Policy(deadline_s=30), placed) == [
        f"{placed}/ocihook-{stage}.json: its timeout is not above hook.deadline_s "
        "(run: ocihook install)"
        for stage in hooks.STAGES
    ]
    root = placed.parents[1]
    for policy in (Policy(who="all"), Policy(deadline_s=30)):
        hooks.install(root, HOOKS, Path("/opt/ocihook-hook"), policy=policy)
        assert hooks.misfits(policy, placed) == []


@pytest.mark.parametrize(
    "edit", [{"when": None}, {"hook": {"args": ["ocihook-hook"], "timeout": 20}}]
)
def test_an_edited_file_does_not_fit(placed: Path, edit: dict[str, Any]) -> None:
    path = placed / "ocihook-poststop.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **edit}))
    assert len(hooks.misfits(Policy(), placed)) == 1
    path.write_text(json.dumps({**json.loads(path.read_text()), "when": {"annotations": {}}}))
    assert len(hooks.misfits(Policy(), placed)) >= 1


def test_somebody_elses_file_is_not_looked_at(placed: Path) -> None:
    (placed / "ocihook-poststop.json").write_text("{")
    assert hooks.misfits(Policy(), placed) == []
