# SPDX-License-Identifier: Apache-2.0
"""What is written of the configuration: the installed file, what is in force, the reference."""

import re
import tomllib
from pathlib import Path

import pytest

from ocihook import schema
from ocihook.config import compiling, template
from ocihook.config.check import dotted
from ocihook.config.keys import KEYS
from ocihook.policy import LIMITS, Policy

REFERENCE = Path(__file__).parents[3] / "docs" / "configuration.md"
CHANGED = Policy(
    who="all",
    cgroups=["/a/**", 'b"\\x2d'],
    exclude_annotations={"io.example/é": "*"},
    own_cpus="2-3",
    lend_off=False,
    shared_cells=[],
    on_error="refuse",
    file="c.toml",
)


def test_the_installed_file_says_nothing() -> None:
    assert compiling.policy_of(template.default_text(), "c.toml") == Policy(file="c.toml")


def test_the_installed_file_with_everything_switched_on_is_the_defaults() -> None:
    text = re.sub(r"(?m)^#(?! )", "", template.default_text())
    assert text.count("\n") == template.default_text().count("\n")
    document = tomllib.loads(text)
    assert document == template.document_of(Policy())
    assert compiling.policy_of(text, "c.toml") == Policy(file="c.toml", written=list(LIMITS))


def test_the_installed_file_names_every_key() -> None:
    for key in KEYS:
        assert f"\n#{key.name} = {template.toml(key.default)}\n" in template.default_text()
    assert max(map(len, template.default_text().splitlines())) <= 100


@pytest.mark.parametrize("policy", [Policy(file="c.toml"), CHANGED])
def test_what_is_shown_can_be_read_again(policy: Policy) -> None:
    text = template.text_of(policy)
    assert tomllib.loads(text) == template.document_of(policy)
    assert schema.findings("config", template.document_of(Policy())) == []


def test_what_is_not_the_default_is_told() -> None:
    text = template.text_of(CHANGED)
    assert 'who = "all"  # default: "annotated"\n' in text
    assert "weight_min = 1\n" in text


@pytest.mark.parametrize("key", KEYS, ids=lambda key: dotted(key.path))
def test_the_reference_has_every_key(key: object) -> None:
    assert isinstance(key, type(KEYS[0]))
    row = f"| `{key.name}` | {key.values} | `{template.toml(key.default)}` | {key.purpose} |"
    section = REFERENCE.read_text().partition(f"## [{key.section}]\n")[2].partition("\n## ")[0]
    assert row in section.splitlines()


def test_the_reference_has_no_other_key() -> None:
    rows = re.findall(r"(?m)^\| `(\w+)` \|", REFERENCE.read_text())
    assert rows == [key.name for key in KEYS]
