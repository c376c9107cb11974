# SPDX-License-Identifier: Apache-2.0
"""docs/tutorial.md, carried out in a guest where nothing of ocihook is installed."""

from __future__ import annotations

import faulthandler
import shutil
import sys
from pathlib import Path

import pytest

from . import image, wheelhouse
from .run import Request, run
from .test_guest import session_problems

CLONE = Path(__file__).parents[2]

_FILES = ("docs/tutorial.md", "tests/guest/tutorial.py")
_SUITE = "trixie"
"""The release that the page is written for."""

_GUEST_TIMEOUT_S = 2400


@pytest.mark.timeout(_GUEST_TIMEOUT_S + 300)
def test_a_new_user(wheel: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with capfd.disabled():
        directory = tmp_path / "with"
        for name in _FILES:
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(CLONE / name, directory / name)
        shutil.copytree(wheelhouse.find(image.find(_SUITE).site), directory / "wheels")
        shutil.copy(wheel, directory)
        faulthandler.cancel_dump_traceback_later()
        command = ("python3", "-P", "-m", "pytest", "tests/guest/tutorial.py")
        request = Request(
            command=(*command, "-p", "no:cacheprovider", "--junitxml=/out/junit.xml"),
            suite=_SUITE,
            timeout_s=_GUEST_TIMEOUT_S,
            with_dir=directory,
            out_dir=tmp_path,
            init="systemd",
        )
        print(flush=True)
        status = run(request, sys.stdout.buffer)
    problems = session_problems(tmp_path / "junit.xml")
    assert (status, problems) == (0, []), "\n".join(problems)
