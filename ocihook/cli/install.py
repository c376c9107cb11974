# SPDX-License-Identifier: Apache-2.0
"""``ocihook install`` and ``ocihook uninstall``: everything that goes on a host, or nothing."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import typer
from typer.core import TyperGroup

from ocihook import paths
from ocihook.cli import completion, output
from ocihook.install import configuration, host, service, trust
from ocihook.install.files import Step
from ocihook.install.layout import SEARCHED_PREFIXES, SYSTEM_PREFIX, Layout, layout
from ocihook.install.marked import MARK, Text
from ocihook.paths import HOOKS_DIR

ROOT = typer.Option(Path("/"), help="Place everything below this directory, for packaging.")
SYSTEM = typer.Option(False, "--system", help="Below /usr, which is the default.")
PREFIX = typer.Option(None, metavar="PREFIX", help="Below PREFIX instead of /usr.")
DIRECTORY = typer.Option(
    None, metavar="DIR", help=f"Where the engine reads hooks, instead of {HOOKS_DIR}."
)
PROGRAM = typer.Option(None, metavar="PATH", help="Where the hook program goes.")
RUNTIME = typer.Option(
    host.RUNTIMES[0],
    metavar="RUNTIME",
    help=f"Who runs the hooks, one of {', '.join(host.RUNTIMES)}; for bundle no hooks.d files.",
)
FORCE = typer.Option(
    False,
    "--force",
    help="Overwrite files that are not ours; go on where others may write what root runs.",
)
DRY_RUN = typer.Option(False, "--dry-run", help="Change nothing; say what would be done.")
AS_JSON = typer.Option(False, "--json", help="Print JSON (schemas/installation.schema.json).")

_READS_HOOKS_DIR = {
    "podman": "hooks_dir below [engine] in /etc/containers/containers.conf",
    "cri-o": "hooks_dir below [crio.runtime] in a file of /etc/crio/crio.conf.d",
}


def install(
    context: typer.Context,
    system: bool = SYSTEM,
    prefix: Path | None = PREFIX,
    hooks_dir: Path | None = DIRECTORY,
    runtime: str = RUNTIME,
    root: Path = ROOT,
    program: Path | None = PROGRAM,
    force: bool = FORCE,
    dry_run: bool = DRY_RUN,
    as_json: bool = AS_JSON,
) -> None:
    """Place configuration, manual, completions, a systemd unit, and the hook with hooks.d files.

    Where a file is in the way that is not ocihook's, nothing is changed; nor where others than root
    may write the package, its Python, or a directory above them, since root runs that. The hooks.d
    files are made for what the configuration says: run it again after a change, or after an
    upgrade.
    """
    if runtime not in host.RUNTIMES:
        raise typer.BadParameter(f"--runtime {runtime}: none of {', '.join(host.RUNTIMES)}")
    places = _layout(system, prefix, hooks_dir, program, root)
    steps = host.install(
        places,
        _texts(context, places),
        root=root,
        runtime=runtime,
        force=force,
        policy=configuration.read(root),
        dry_run=dry_run,
    )
    for line in trust.faults(places, root) if force else ():
        output.complain(line)
    _report(steps, list(_after_install(places, root, runtime, steps)), dry_run, as_json)


def uninstall(
    context: typer.Context,
    system: bool = SYSTEM,
    prefix: Path | None = PREFIX,
    hooks_dir: Path | None = DIRECTORY,
    root: Path = ROOT,
    program: Path | None = PROGRAM,
    dry_run: bool = DRY_RUN,
    as_json: bool = AS_JSON,
) -> None:
    """Remove what install has placed, the hooks.d files first; leave what is not ours, or edited.

    Name the same places as for install. The scheduler runs on, if it does.
    """
    places = _layout(system, prefix, hooks_dir, program, root)
    steps = host.uninstall(places, _texts(context, places), root=root, dry_run=dry_run)
    _report(steps, list(_after_uninstall(places, root, steps)), dry_run, as_json)


def _layout(
    system: bool, prefix: Path | None, hooks_dir: Path | None, program: Path | None, root: Path
) -> Layout:
    if system and prefix is not None:
        raise typer.BadParameter("--system and --prefix: give one of them")
    return layout(prefix or SYSTEM_PREFIX, hooks_dir, program, root)


def _texts(context: typer.Context, places: Layout) -> list[tuple[Path, Text]]:
    from ocihook.manual.pages import file_name, man_text, pages

    command = context.find_root().command
    assert isinstance(command, TyperGroup)
    manual = pages(command)
    texts = [(places.man, Text(file_name(page), man_text(page, MARK))) for page in manual]
    for shell, directory in zip(
        completion.SHELLS, (places.bash, places.zsh, places.fish), strict=True
    ):
        name = host.COMPLETIONS[shell]
        texts.append((directory, Text(name, completion.script(shell, MARK))))
    return texts


def _after_install(
    places: Layout, root: Path, runtime: str, steps: Sequence[Step]
) -> Iterator[str]:
    """Yield what is left to do on this host; for a package that is its own scripts' business."""
    if root != Path("/"):
        return
    if runtime == "bundle":
        yield f"ocihook bundle inject --hook {places.program} DIR"
    elif places.hooks_dir != Path(HOOKS_DIR):
        yield f"name {places.hooks_dir} as {_READS_HOOKS_DIR[runtime]}"
    if not service.RUNNING.is_dir():
        yield "ocihook scheduler start"
    elif ("placed", places.units / service.UNIT) in steps:
        searched = any(places.units.is_relative_to(prefix) for prefix in SEARCHED_PREFIXES)
        unit = service.UNIT if searched else str(places.units / service.UNIT)
        yield f"systemctl daemon-reload && systemctl enable --now {unit}"
    yield "ocihook doctor"


def _after_uninstall(places: Layout, root: Path, steps: Sequence[Step]) -> Iterator[str]:
    if root != Path("/"):
        return
    if os.path.lexists(paths.PIN_DIR):
        yield "ocihook scheduler stop"
    if ("removed", places.units / service.UNIT) in steps and service.RUNNING.is_dir():
        yield "systemctl daemon-reload"


def _report(steps: Sequence[Step], then: Sequence[str], dry_run: bool, as_json: bool) -> None:
    if as_json:
        output.show_json(
            {
                "dry_run": dry_run,
                "steps": [{"action": action, "path": str(path)} for action, path in steps],
                "next": list(then),
            }
        )
        return
    for action, path in steps:
        would = "would be " if dry_run and action in ("placed", "removed", "compiled") else ""
        output.say(f"{would}{action} {path}")
    for line in () if dry_run else then:
        output.say(f"next: {line}")


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(install)
    app.command()(uninstall)
