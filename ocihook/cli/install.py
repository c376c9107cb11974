# SPDX-License-Identifier: Apache-2.0
"""``ocihook install`` and ``ocihook uninstall``: the hook program and the hooks.d files."""

from collections.abc import Iterable
from pathlib import Path

import typer

from ocihook.cli import output
from ocihook.install import configuration, hooks
from ocihook.install.files import Step
from ocihook.paths import HOOK_PROGRAM, HOOKS_DIR

ROOT = typer.Option(Path("/"), help="Place everything below this directory, for packaging.")
DIRECTORY = typer.Option(Path(HOOKS_DIR), "--hooks-dir", help="Where the engine reads hooks.")
PROGRAM = typer.Option(Path(HOOK_PROGRAM), help="Where the hook program goes.")


def _report(steps: Iterable[Step]) -> None:
    for action, path in steps:
        output.say(f"{action} {path}")


def install(
    root: Path = ROOT,
    hooks_dir: Path = DIRECTORY,
    program: Path = PROGRAM,
    force: bool = typer.Option(False, help="Overwrite files that are not ours."),
) -> None:
    """Place the configuration file, the hook program, then the hooks.d files.

    The hooks.d files are made for what the configuration says: run it again after a change.
    """
    policy = configuration.read(root)
    _report([configuration.install(root)])
    _report(hooks.install(root, hooks_dir, program, force=force, policy=policy))


def uninstall(root: Path = ROOT, hooks_dir: Path = DIRECTORY, program: Path = PROGRAM) -> None:
    """Remove the hooks.d files, then the hook program; leave what is not ours, or was edited."""
    _report(hooks.uninstall(root, hooks_dir, program))
    _report([configuration.uninstall(root)])


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(install)
    app.command()(uninstall)
