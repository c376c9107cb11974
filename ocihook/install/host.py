# SPDX-License-Identifier: Apache-2.0
"""All of ocihook on a host, in order: what is harmless alone first, the hooks.d files last."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from ocihook.install import configuration, files, hooks, marked, service, trust
from ocihook.install.files import Step
from ocihook.install.layout import Layout, below
from ocihook.install.marked import Text
from ocihook.policy import Policy

RUNTIMES = ("podman", "cri-o", "bundle")
"""Who runs the hooks: an engine that reads hooks.d, or a bundle that names the program itself."""

_SECTIONS = ("man1", "man5", "man8")
"""Of the manual: where our pages are, and have been."""

COMPLETIONS = {"bash": "ocihook", "zsh": "_ocihook", "fish": "ocihook.fish"}
"""What each shell wants its file to be called."""


def install(
    places: Layout,
    texts: Iterable[tuple[Path, Text]],
    *,
    root: Path = Path("/"),
    runtime: str = "podman",
    force: bool = False,
    policy: Policy | None = None,
    dry_run: bool = False,
) -> list[Step]:
    """Place the configuration, the texts, systemd's files, the hook program and the hooks.d files.

    Looked at first: where a file is in the way that is not ours, or others may write what root is
    going to run, nothing is changed. Doing it again changes nothing.

    Args:
        texts: manual pages and completions, with the directory of each.
        root: what all paths are below; "/" but for packaging.
        runtime: one of RUNTIMES.
        force: overwrite files that are not ours, never the configuration; and go on where others
            may write what root runs.
        policy: what the hooks.d files are made for.
        dry_run: only look.

    Returns:
        what was done to each file, in order.

    Raises:
        InstallError: a file is somebody else's or cannot be placed; those before it stay, and
            work without it. Or others may write what root runs.
    """
    if not force:
        trust.require(places, root)
    marked_files = [*texts, *_systemd(places)]

    def run(dry: bool) -> list[Step]:
        steps = [configuration.install(root, dry_run=dry)]
        for directory, text in marked_files:
            path = below(root, directory / text.name)
            steps.append(
                files.place(path, text.content, 0o644, marked.is_ours, force=force, dry_run=dry)
            )
        steps += _remove_old_pages(places, marked_files, root, dry)
        return steps + hooks.install(
            root,
            places.hooks_dir,
            places.program,
            force=force,
            policy=policy,
            stages=() if runtime == "bundle" else hooks.STAGES,
            dry_run=dry,
        )

    looked = run(True)
    return looked if dry_run else run(False)


def uninstall(
    places: Layout,
    texts: Iterable[tuple[Path, Text]],
    *,
    root: Path = Path("/"),
    dry_run: bool = False,
) -> list[Step]:
    """Remove what :func:`install` places, in reverse; leave what is not ours, or was edited.

    With the unit goes the link by which it was enabled. The scheduler runs on.

    Returns:
        what was done to each file, in order.

    Raises:
        InstallError: a file cannot be removed.
    """
    steps = hooks.uninstall(root, places.hooks_dir, places.program, dry_run=dry_run)
    unit = below(root, places.units / service.UNIT)
    texts = list(texts)
    named = [(directory, text.name) for directory, text in texts]
    named += [(places.tmpfiles, service.TMPFILES), (places.units, service.UNIT)]
    for directory, name in reversed(named):
        path = below(root, directory / name)
        steps.append(files.remove(path, marked.is_ours, dry_run=dry_run))
        if steps[-1] == ("removed", unit):
            link = below(root, service.WANTED_BY)
            steps.append(files.remove_link(link, service.UNIT, dry_run=dry_run))
    steps += _remove_old_pages(places, texts, root, dry_run)
    return [*steps, configuration.uninstall(root, dry_run=dry_run)]


def _remove_old_pages(
    places: Layout, placed: Iterable[tuple[Path, Text]], root: Path, dry_run: bool
) -> list[Step]:
    """Remove pages of commands that another version has had."""
    kept = {below(root, directory / text.name) for directory, text in placed}
    sections = [below(root, places.man / section / "_").parent for section in _SECTIONS]
    found = {page for each in sections for page in each.glob("ocihook*.[158]")}
    steps = [files.remove(path, marked.is_ours, dry_run=dry_run) for path in sorted(found - kept)]
    return [step for step in steps if step[0] == "removed"]


def _systemd(places: Layout) -> Iterator[tuple[Path, Text]]:
    yield places.tmpfiles, Text(service.TMPFILES, service.tmpfiles())
    yield places.units, Text(service.UNIT, service.unit())
