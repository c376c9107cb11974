# SPDX-License-Identifier: Apache-2.0
"""What systemd-nspawn refuses; tests/runtime/test_nspawn.py asks the real one."""

from typing import Any

import pytest

from ocihook import nspawn


@pytest.mark.parametrize("stage", nspawn.STAGES)
@pytest.mark.parametrize("hooks", [[], [{"path": "/bin/true"}], None])
def test_stages_that_are_younger(stage: str, hooks: Any) -> None:
    document = {"ociVersion": "1.0.0", "hooks": {"poststop": [], stage: hooks}}
    assert nspawn.refused(document) == [stage]


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
