# SPDX-License-Identifier: Apache-2.0
"""tools/dev/constraints.txt: the closure of what the wheel needs, as it is tested, with hashes."""

from __future__ import annotations

import re
from importlib.metadata import distribution
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
TEXT = (REPOSITORY / "tools/dev/constraints.txt").read_text()
ENTRY = re.compile(
    r"^(\S+)==(\S+) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE
)
ENTRIES = {name: (version, hashes) for name, version, hashes in ENTRY.findall(TEXT)}
TESTED = dict(
    line.split("==")
    for line in (REPOSITORY / "tests/vm/guest-requirements.txt").read_text().split("\n")
    if "==" in line
)


def needed(name: str) -> set[str]:
    """Return the names of what a distribution needs, without extras."""
    found = (re.match(r"[A-Za-z0-9._-]+", each) for each in distribution(name).requires or ())
    texts = zip(found, distribution(name).requires or (), strict=True)
    return {
        re.sub(r"[._-]+", "-", match[0]).lower()
        for match, text in texts
        if match and "extra ==" not in text and "platform" not in text
    }


def test_nothing_else_is_in_it() -> None:
    left = ENTRY.sub("", TEXT)
    assert [line for line in left.split("\n") if line and not line.startswith("#")] == []


@pytest.mark.parametrize("name", ENTRIES)
def test_the_version_is_the_one_that_is_tested(name: str) -> None:
    version, hashes = ENTRIES[name]
    assert TESTED[name] == version
    assert hashes.count("sha256:") >= 2, "a wheel and its source at least"


def test_it_is_complete() -> None:
    found, waiting = set[str](), ["ocihook"]
    while waiting:
        for name in needed(waiting.pop()) - found:
            found.add(name)
            if name in ENTRIES:
                waiting.append(name)
    assert found <= set(ENTRIES)
