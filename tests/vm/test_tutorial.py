# SPDX-License-Identifier: Apache-2.0
"""docs/tutorial.md, carried out in a guest where nothing of ocihook is installed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from . import image, wheelhouse
from .test_guest import CLONE, GUEST_TIMEOUT_S, session, session_problems

_FILES = ("docs/tutorial.md", "tests/guest/tutorial.py")
_SUITE = "trixie"
_KERNEL = "6.18"
"""What the page is written for."""


@pytest.mark.timeout(GUEST_TIMEOUT_S + 300)
def test_a_new_user(wheel: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with capfd.disabled():
        directory = tmp_path / "with"
        for name in _FILES:
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(CLONE / name, directory / name)
        shutil.copytree(wheelhouse.find(image.find(_SUITE).site), directory / "wheels")
        shutil.copy(wheel, directory)
        tests = (_FILES[1],)
        status = session(tests, _SUITE, _KERNEL, None, tmp_path, init="systemd", with_dir=directory)
    problems = session_problems(tmp_path / "junit.xml")
    assert (status, problems) == (0, []), "\n".join(problems)
