# SPDX-License-Identifier: Apache-2.0
"""``ocihook bundle``: our hooks in the config.json of a plain runc or crun bundle."""

from pathlib import Path

import typer

from ocihook.cli import output
from ocihook.install import bundle
from ocihook.paths import HOOK_PROGRAM

app = typer.Typer(
    help="Put the hooks into a plain runc or crun bundle, and take them out.", no_args_is_help=True
)

DIRECTORY = typer.Argument(metavar="DIR", help="The directory that config.json is in.")
DRY_RUN = typer.Option(False, "--dry-run", help="Write nothing; print the difference.")
AS_JSON = typer.Option(False, "--json", help="Print JSON (schemas/bundle-change.schema.json).")
PREFIX = typer.Option(
    None, "--prefix", metavar="PREFIX", help="Where the hook program was installed, not /usr."
)
HOOK = typer.Option(None, "--hook", metavar="PATH", help="The hook program itself.")
FORCE = typer.Option(False, "--force", help="Even if there is no such program here, as yet.")


@app.command()
def inject(
    directory: Path = DIRECTORY,
    prefix: Path | None = PREFIX,
    hook: Path | None = HOOK,
    force: bool = FORCE,
    dry_run: bool = DRY_RUN,
    as_json: bool = AS_JSON,
) -> None:
    """Have the bundle's container get a cell: createRuntime, poststart and poststop.

    Nothing else in config.json changes. A container that exists already does not notice.
    systemd-nspawn does not start such a bundle; a line says so where it would have before.
    """
    if prefix is not None and hook is not None:
        raise typer.BadParameter("--prefix and --hook: give one of them")
    program = hook or Path(HOOK_PROGRAM)
    if prefix is not None:
        program = prefix / Path(HOOK_PROGRAM).relative_to("/usr")
    _report(bundle.inject(directory, program, dry_run=dry_run, force=force), dry_run, as_json)


@app.command()
def eject(directory: Path = DIRECTORY, dry_run: bool = DRY_RUN, as_json: bool = AS_JSON) -> None:
    """Take our hooks out of the bundle's config.json; those of others stay."""
    _report(bundle.eject(directory, dry_run=dry_run), dry_run, as_json)


def _report(change: bundle.Change, dry_run: bool, as_json: bool) -> None:
    if as_json:
        output.show_json(
            {
                "action": change.action,
                "config": str(change.config),
                "dry_run": dry_run,
                "diff": change.diff,
                "note": change.note,
            }
        )
        return
    if dry_run and change.diff:
        for line in change.diff.split("\n"):
            output.say(line)
    else:
        output.say(f"{change.action} {change.config}")
    if change.note:
        output.say(f"note: {change.note}")
