# SPDX-License-Identifier: Apache-2.0
"""`sudo .venv/bin/ocihook install` in somebody's checkout: that user would be root soon after."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import ocihook

# Skips for this reason are allowed in continuous integration: tests/conftest.py.
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root and cgroup2")

NOBODY = 65534
MAIN = "from ocihook.cli import main; main()"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the package that is a user's own."""
    package = tmp_path / "ocihook"
    shutil.copytree(Path(ocihook.__file__).parent, package)
    for path in (tmp_path, package, *package.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    return tmp_path


def dry_run(checkout: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", MAIN, "install", "--dry-run", *options],
        env=os.environ | {"PYTHONPATH": str(checkout), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        cwd="/",
        check=False,
    )


def test_it_is_refused(checkout: Path) -> None:
    done = dry_run(checkout)
    assert (done.returncode, done.stdout) == (os.EX_CANTCREAT, "")
    said = f"ocihook: {checkout}: mode 0700, owner {NOBODY}:{NOBODY}: others may write"
    assert done.stderr.startswith(said)


def test_by_force_it_is_told(checkout: Path) -> None:
    done = dry_run(checkout, "--force")
    assert done.returncode == 0
    assert f"ocihook: {checkout}/ocihook/hook/main.py: mode " in done.stderr
    assert "would be placed /usr/libexec/oci/hooks.d/ocihook-hook" in done.stdout
