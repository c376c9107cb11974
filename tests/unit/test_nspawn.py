# SPDX-License-Identifier: Apache-2.0
"""What systemd-nspawn refuses; the tests of that name in tests/guest and tests/runtime ask it."""

from typing import Any

import pytest

from ocihook import nspawn


@pytest.mark.parametrize("stage", ["createRuntime", "createContainer", "startContainer", "x"])
@pytest.mark.parametrize("hooks", [[], [{"path": "/bin/true"}], None])
def test_stages_that_are_younger(stage: str, hooks: Any) -> None:
    document = {"ociVersion": "1.0.0", "hooks": {"poststop": [], stage: hooks}}
    assert nspawn.refused(document) == [("hooks", stage)]


def test_null() -> None:
    assert nspawn.refused({"ociVersion": "1.0.0", "hooks": None}) == [("hooks",)]
    document = {"ociVersion": "1.0.0", "hooks": {"poststop": None}}
    assert nspawn.refused(document) == [("hooks", "poststop")]


@pytest.mark.parametrize(
    "document",
    [
        {"ociVersion": "1.0.0"},
        {"ociVersion": "1.0.0", "hooks": {"prestart": [], "poststart": [], "poststop": []}},
        {"ociVersion": "1.0.2", "hooks": {"createRuntime": []}},
        {"ociVersion": "1.0.0", "hooks": ["createRuntime"]},
        ["createRuntime"],
        None,
    ],
)
def test_what_it_takes_or_never_took(document: Any) -> None:
    assert nspawn.refused(document) == []
