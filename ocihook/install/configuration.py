# SPDX-License-Identifier: Apache-2.0
"""The configuration file, placed where there is none, and what hooks.d files have to say for it."""

import os
import re
from pathlib import Path
from typing import Any

from ocihook.config import compiling, source
from ocihook.config.template import default_text
from ocihook.errors import ConfigError
from ocihook.hook.annotations import PREFIX
from ocihook.install import files
from ocihook.install.files import Step
from ocihook.install.layout import below
from ocihook.paths import CONFIG_FILE
from ocihook.policy import Policy

TIMEOUT_MARGIN_S = 10
"""How much later than the hook itself the runtime gives up, which kills it without a word."""


def install(root: Path = Path("/"), *, dry_run: bool = False) -> Step:
    """Place the file with every key commented out, unless there is one already.

    Raises:
        InstallError: it cannot be placed.
    """
    path = _path(root)
    if os.path.lexists(path):
        return "kept", path
    return files.place(path, default_text().encode(), 0o644, _is_default, dry_run=dry_run)


def uninstall(root: Path = Path("/"), *, dry_run: bool = False) -> Step:
    """Remove the file if it is as it was placed; leave what somebody has edited.

    Raises:
        InstallError: it cannot be removed.
    """
    return files.remove(_path(root), _is_default, dry_run=dry_run)


def read(root: Path = Path("/")) -> Policy:
    """Return the policy of the file below `root`; the defaults where there is none.

    Raises:
        ConfigError: something is wrong with it.
        InstallError: a link leads to it from below a root other than "/".
    """
    path = str(_path(root))
    follow = 0 if root == Path("/") else os.O_NOFOLLOW
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | follow)
    except FileNotFoundError:
        return Policy()
    except OSError as error:
        why = os.strerror(error.errno or 0).lower()
        raise ConfigError(f"{path}: {why}", "run as root, or move it away") from None
    try:
        return compiling.policy_of(source.read(file, path), path)
    finally:
        os.close(file)


def when(policy: Policy) -> dict[str, Any]:
    """Return the condition under which an engine has to run the hook, as hooks.d 1.0.0 has it.

    The patterns are the hook's to judge: those of hooks.d know no cgroups, and all of one file have
    to match.
    """
    if policy.who == "all" or policy.cgroups:
        return {"always": True}
    # Unanchored regular expressions (RE2), of the key and of the value.
    names = [f"^{re.escape(PREFIX)}", *(f"^{re.escape(key)}$" for key in policy.annotations)]
    return {"annotations": {"|".join(names): ".*"}}


def timeout_s(policy: Policy) -> int:
    """Return the time-out of the hooks.d files."""
    return policy.deadline_s + TIMEOUT_MARGIN_S


def _path(root: Path) -> Path:
    return below(root, Path(CONFIG_FILE))


def _is_default(content: bytes) -> bool:
    return content == default_text().encode()
