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
CHECK_JSON = typer.Option(False, "--json", help="Print JSON (schemas/config-check.schema.json).")
SHOW_JSON = typer.Option(False, "--json", help="Print JSON (schemas/config.schema.json).")

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
    as_json: bool = CHECK_JSON,
) -> None:
    """Say all that is wrong with the configuration file, a line each.

    And where it is the one in use, whether the installed hooks.d files fit it.
    """
    path = str(file or paths.CONFIG_FILE)
    absent = file is None and not os.path.lexists(path)
    policy, problems = (Policy(), []) if absent else _checked(path, in_use=file is None)
    misfits = hooks.misfits(policy, hooks_dir) if file is None and not problems else []
    if as_json:
        document = {"file": path, "absent": absent, "problems": problems, "misfits": misfits}
        output.show_json(document)
    else:
        if not problems:
            output.say(f"{path}: not there, the defaults hold" if absent else f"{path}: right")
        for line in (*problems, *misfits):
            output.complain(line)
    if problems:
        raise typer.Exit(os.EX_CONFIG)


@app.command()
def show(
    as_json: bool = typer.Option(False, "--json", help="Print JSON (schemas/config.schema.json)."),
) -> None:
    """Show every key with the value that is in force."""
    policy = in_force()
    if as_json:
        output.show_json(template.document_of(policy))
    else:
        text = f"# {policy.file or 'the defaults'}\n{template.text_of(policy)}".rstrip("\n")
        for line in text.split("\n"):
            output.say(line)


def _checked(path: str, *, in_use: bool) -> tuple[Policy, list[str]]:
    """Return the policy of a file and all that is wrong with it; with mistakes, the defaults."""
    doubts: list[str] = []
    try:
        text = _read(path, doubts if in_use else [])
        document = source.parse(text, path)
    except ConfigError as error:
        return Policy(), [*doubts, str(error)]
    found = compiling.problems(document, text, path)
    if not found:
        from ocihook import schema  # 70 ms, for this command alone

        # It says the same as our own checks; where it does not, that is ours to mend.
        found = [f"{path}: {where}: {what}" for where, what in schema.findings("config", document)]
    found = [*doubts, *found]
    return (Policy(), found) if found else (compiling.policy_of(text, path), [])


def _read(path: str, doubts: list[str]) -> str:
    """Return the text of a file; why the hook would not use it goes to `doubts`."""
    try:
        opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        why = os.strerror(error.errno or 0).lower()
        raise ConfigError(f"{path}: {why}", "name a file that you may read") from None
    try:
        doubt = configured.distrust(os.fstat(opened))
        if doubt:
            doubts.append(f"{path}: {doubt}, so it is not used")
        return source.read(opened, path)
    finally:
        os.close(opened)
