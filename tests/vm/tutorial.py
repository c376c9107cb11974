# SPDX-License-Identifier: Apache-2.0
"""docs/tutorial.md, carried out in a guest where nothing of ocihook is installed."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from . import image, wheelhouse
from .guest_run import CLONE, Outcome, run_session
from .sessions import Session

_FILES = ("docs/tutorial.md", "tests/guest/test_tutorial.py")


def run_tutorial(session: Session, directory: Path, wheel: Path) -> Outcome:
    """Run the session with the page, its test, and packages for pip, and with nothing else."""
    with tempfile.TemporaryDirectory(prefix="tutorial-") as name:
        there = Path(name)
        for file in _FILES:
            (there / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(CLONE / file, there / file)
        shutil.copytree(wheelhouse.find(image.find(session.suite).site), there / "wheels")
        shutil.copy(wheel, there)
        return run_session(session, directory, wheel=None, tests=(_FILES[1],), with_dir=there)
