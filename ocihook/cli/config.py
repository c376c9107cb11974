# SPDX-License-Identifier: Apache-2.0
"""``ocihook config``: check the configuration file, show what is in force."""

import os
from pathlib import Path

import typer

from ocihook import paths
from ocihook.cli import output
from ocihook.config import compiling, source, template
from ocihook.errors import ConfigError
from ocihook.hook import configured
from ocihook.install import hooks
from ocihook.policy import Policy

FILE = typer.Argument(None, help=f"Instead of {paths.CONFIG_FILE}.")
HOOKS_DIR = typer.Option(Path(paths.HOOKS_DIR), help="Where the engine reads hooks.")

app = typer.Typer(help="Check and show the configuration.", no_args_is_help=True)


def in_force() -> Policy:
    """Return the policy in force; complain where the file is not what it should be."""
    policy, problem = configured.in_force()
    if problem is not None:
        output.complain(str(problem))
    return policy


@app.command()
def check(
    file: Path | None = FILE,
    hooks_dir: Path = HOOKS_DIR,
) -> None:
    """Say all that is wrong with the configuration file, a line each.

    And where it is the one in use, whether the installed hooks.d files fit it.
    """
    path = str(file or paths.CONFIG_FILE)
    if file is None and not os.path.lexists(path):
        output.say(f"{path}: not there, the defaults hold")
        policy = Policy()
    else:
        policy = _checked(path, in_use=file is None)
        output.say(f"{path}: right")
    if file is None:
        for line in hooks.misfits(policy, hooks_dir):
            output.complain(line)


@app.command()
def show(as_json: bool = typer.Option(False, "--json", help="Print JSON.")) -> None:
    """Show every key with the value that is in force."""
    policy = in_force()
    if as_json:
        output.show_json(template.document_of(policy))
    else:
        output.say(f"# {policy.file or 'the defaults'}\n{template.text_of(policy)}".rstrip("\n"))


def _checked(path: str, *, in_use: bool) -> Policy:
    """Return the policy of a file without mistakes; raise after all of them have been printed."""
    try:
        opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise ConfigError(f"{path}: {os.strerror(error.errno or 0).lower()}") from None
    try:
        doubt = configured.distrust(os.fstat(opened)) if in_use else ""
        text = source.read(opened, path)
    finally:
        os.close(opened)
    document = source.parse(text, path)
    found = compiling.problems(document, text, path)
    if not found:
        from ocihook import schema  # 70 ms, for this command alone

        # It says the same as our own checks; where it does not, that is ours to mend.
        found = [f"{path}: {where}: {what}" for where, what in schema.findings("config", document)]
    if doubt:
        found.insert(0, f"{path}: {doubt}, so it is not used")
    for line in found[:-1]:
        output.complain(line)
    if found:
        raise ConfigError(found[-1])
    return compiling.policy_of(text, path)
