# SPDX-License-Identifier: Apache-2.0
"""What stands where on a host: the program, and one hooks.d file a stage.

The order matters. podman skips a hook whose program is missing, in silence;
one broken JSON file in the directory keeps every container from starting
(podman #6629). So the program comes first and goes last.
"""

import compileall
import json
import os
from collections.abc import Iterable
from importlib.resources import files as resources
from pathlib import Path

from ocihook.errors import InstallError
from ocihook.install import configuration, files, launcher, pack
from ocihook.install.files import Step
from ocihook.install.layout import below
from ocihook.paths import HOOK_PROGRAM, HOOKS_DIR
from ocihook.policy import Policy

STAGES = ("createRuntime", "poststart", "poststop")

_AGAIN = "run: ocihook install"


def install(
    root: Path = Path("/"),
    hooks_dir: Path = Path(HOOKS_DIR),
    program: Path = Path(HOOK_PROGRAM),
    *,
    force: bool = False,
    text: bytes | None = None,
    policy: Policy | None = None,
    stages: Iterable[str] = STAGES,
    dry_run: bool = False,
) -> list[Step]:
    """Place the hook program, then the hooks.d files. Doing it again changes nothing.

    Args:
        root: what the other paths are below; "/" but for packaging.
        force: overwrite files that are not ours.
        text: the program's, instead of a launcher for the Python that runs now.
        policy: decides when the hook runs, and how long it may; the defaults if there is none.
        stages: which hooks.d files to place; the program goes without any where bundles name it.
        dry_run: only look what would be done.

    Returns:
        what was done to each file, in order.

    Raises:
        InstallError: when a file cannot be placed; those before it stay, and
            work without it.
    """
    _absolute(hooks_dir, program)

    def place(path: Path, content: bytes, mode: int, ours: files.Ours) -> Step:
        return files.place(below(root, path), content, mode, ours, force=force, dry_run=dry_run)

    steps = _compile(dry_run)
    steps.append(place(program, text or launcher.text(), 0o755, launcher.is_ours))
    for stage in stages:
        content = hook_file(stage, program, policy)
        steps.append(place(hooks_dir / file_name(stage), content, 0o644, is_ours))
    return steps


def uninstall(
    root: Path = Path("/"),
    hooks_dir: Path = Path(HOOKS_DIR),
    program: Path = Path(HOOK_PROGRAM),
    *,
    dry_run: bool = False,
) -> list[Step]:
    """Remove the hooks.d files, then the hook program; leave what is not ours.

    Returns:
        what was done to each file, in order.

    Raises:
        InstallError: when a file cannot be removed.
    """
    _absolute(hooks_dir, program)
    steps = [
        files.remove(below(root, hooks_dir / file_name(stage)), is_ours, dry_run=dry_run)
        for stage in STAGES
    ]
    steps.append(files.remove(below(root, program), launcher.is_ours, dry_run=dry_run))
    return steps


def file_name(stage: str) -> str:
    """Return the name of a stage's hooks.d file."""
    return f"ocihook-{stage}.json"


def hook_file(
    stage: str, program: Path = Path(HOOK_PROGRAM), policy: Policy | None = None
) -> bytes:
    """Return the content of a stage's hooks.d file, with the program's path in it."""
    policy = policy or Policy()
    source = resources("ocihook").joinpath("hooks.d", file_name(stage))
    document = json.loads(source.read_text(encoding="utf-8"))
    document["hook"].update(path=str(program), timeout=configuration.timeout_s(policy))
    document["when"] = configuration.when(policy)
    return (json.dumps(document, indent=2) + "\n").encode()


def misfits(policy: Policy, hooks_dir: Path = Path(HOOKS_DIR)) -> list[str]:
    """Return what is installed and not made for this policy, a line each; nothing installed fits.

    Raises:
        InstallError: a file cannot be read.
    """
    lines = []
    for stage in STAGES:
        path = hooks_dir / file_name(stage)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            continue
        except OSError as error:
            why = os.strerror(error.errno or 0).lower()
            raise InstallError(f"{path}: {why}", "run as root, or move it away") from None
        if not is_ours(content):
            continue
        document = json.loads(content)
        if document.get("when") != configuration.when(policy):
            lines.append(f"{path}: selects other containers than [enrol] ({_AGAIN})")
        timeout = document["hook"].get("timeout")  # none is for ever
        if isinstance(timeout, int) and timeout <= policy.deadline_s:
            lines.append(f"{path}: its timeout is not above hook.deadline_s ({_AGAIN})")
    return lines


def is_ours(content: bytes) -> bool:
    """Tell whether `content` is a hooks.d file of ours, edited or not."""
    try:
        return bool(json.loads(content)["hook"]["args"][0] == "ocihook-hook")
    except (ValueError, LookupError, TypeError, RecursionError):
        return False


def _compile(dry_run: bool) -> list[Step]:
    """Compile the package: the hook writes no .pyc files, and without them starts 9 ms later."""
    package = Path(__file__).resolve().parents[1]
    if not os.access(package, os.W_OK):
        return []  # the distribution's package, which ships them
    if not dry_run:
        with files.usual_umask():
            compileall.compile_dir(package, quiet=2)
        pack.write(package.parent)
    return [("compiled", package)]


def _absolute(*paths: Path) -> None:
    for path in paths:
        if not path.is_absolute():
            raise InstallError(f"{path}: not an absolute path", "runtimes take no other")
