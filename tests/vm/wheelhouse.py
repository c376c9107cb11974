# SPDX-License-Identifier: Apache-2.0
"""Wheels for a guest that installs with pip: it has no network, and finds them in a directory."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from . import cache, host, tree
from .progress import step


def find(site: str) -> Path:
    """Return a directory with what tests/vm/guest-requirements.txt names, fetched if need be.

    :param site: the guest's directory for Python packages, which says the version of its Python
    :raises RigError: if something cannot be fetched
    """
    match = re.search(r"python(\d+\.\d+)", site)
    assert match, site
    options = tree.pip_options(match[1])
    recipe = (*tree.recipe(), *options)
    return cache.entry("wheelhouse", *recipe, fill=lambda new: _fetch(new, options))


def _fetch(directory: Path, options: list[str]) -> None:
    with step("fetching wheels for the guest"):
        pip = [sys.executable, "-m", "pip", "download", "--quiet"]
        host.run([*pip, f"--dest={directory}", *options])
