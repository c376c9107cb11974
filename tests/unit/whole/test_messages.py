# SPDX-License-Identifier: Apache-2.0
"""What every command says on every kind of host where something is missing, at a terminal.

The real code looks at files (situations.py); tests/runtime has a real kernel without sched_ext,
and tests/guest those with it.
"""

import os
import pickle
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import situations
from command_line import commands
from fake_host import FakeHost

from ocihook import __version__
from ocihook.abi import OCIHOOK_ABI_VERSION, Cell, SchedulerRecord
from ocihook.install import bundle
from ocihook.paths import HOOK_PROGRAM, HOOKS_DIR

Run = Callable[..., Any]
Snapshot = Callable[[str, str], None]


class Place(NamedTuple):
    """Where a command may look."""

    fake: FakeHost
    bare: Path
    """A bundle without our hooks."""
    injected: Path
    """And one with them."""
    out: Path
    """Where everybody may write."""


NEED_SCHEDULER = {
    "cells": "", "cells list": "--json", "cells show": "web", "cells tree": "",
    "cells set": "web --weight 5", "cells release": "web", "gc": "", "top": "",
    "record": "-o {out}/timeline.svg",
    "scheduler start": "", "scheduler stop": "", "scheduler reload": "", "scheduler dump": "",
}  # fmt: skip
"""Commands that are about the scheduler, and what else to write: these fail, or have to."""

TELL = {"scheduler status": "", "metrics": "", "doctor": "--only scheduler"}
"""Those that are there to say what is wrong."""

PLACE = {
    "bundle inject": "--hook {program} {bare}", "bundle eject": "{injected}",
    "install": "--root {root}", "uninstall": "--root {root}",
}  # fmt: skip
"""Those that write files and need nothing else."""

ANYWHERE = {
    "config check": "--hooks-dir {hooks_dir}", "config show": "", "validate": "{bare}",
    "version": "",
}  # fmt: skip
"""Those that need nothing at all."""

COMMANDS = {**NEED_SCHEDULER, **TELL, **ANYWHERE, **PLACE}

HOSTS: dict[str, Callable[[FakeHost], None]] = {
    "without-sched-ext": situations.without_sched_ext,
    "stopped": situations.stopped,
    "foreign-scheduler": situations.foreign,
    "not-root": situations.unprivileged,
    "pins-of-another-abi": situations.another_abi,
    "pins-of-another-build": situations.another_build,
    "covered-bpffs": situations.covered_bpffs,
}

MENDS = {
    ("stopped", "scheduler start"): "loads a scheduler",
    ("pins-of-another-build", "scheduler reload"): "replaces it",
    ("pins-of-another-build", "scheduler stop"): "takes it out",
    ("pins-of-another-build", "gc"): "is run: nothing tells how large a program's context is",
}
"""What works there with a kernel, and is left out here."""

WORKS = {
    *(
        (host, "scheduler dump")
        for host in HOSTS
        if host.startswith(("foreign", "pins", "covered"))
    ),
    *((host, "scheduler stop") for host in ("without-sched-ext", "stopped", "foreign-scheduler")),
    ("pins-of-another-build", "scheduler start"),
}
"""What is about the scheduler and succeeds all the same: there is nothing to stop, or it runs."""

SHOWN_LINES = 6


@pytest.fixture
def place() -> Iterator[Place]:
    """A host and two bundles where every user may look, unlike in pytest's own directories."""
    root = Path(tempfile.mkdtemp(prefix="ocihook-test-"))
    root.chmod(0o755)
    fake = FakeHost(root)
    text = (
        '{"ociVersion": "1.2.0", "linux": {"namespaces": [{"type": "cgroup"}]}, "mounts": [],'
        ' "process": {"cwd": "/", "args": ["true"]}, "root": {"path": "/"}}\n'
    )
    bundles = [fake.write(f"/{name}/config.json", text).parent for name in ("bare", "injected")]
    bundle.inject(bundles[1], fake.path(HOOK_PROGRAM), dry_run=False, force=False)
    out = root / "out"
    out.mkdir()
    yield Place(fake, *bundles, out)
    assert list(out.iterdir()) == []
    root.chmod(0o700)
    for directory, below, _ in os.walk(root):
        for name in below:  # before they are walked into
            os.chmod(f"{directory}/{name}", 0o700)
    shutil.rmtree(root)


def as_other_user(run: Run, words: list[str]) -> Any:
    """Run a command in a process that has given root away, where there was root to give."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            if os.getuid() == 0:
                os.setresuid(*[situations.OTHER_USER] * 3)
            with open(writing, "wb") as answer:
                answer.write(pickle.dumps(tuple(run(*words))))
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as answer:
        told = answer.read()
    os.waitpid(child, 0)
    return pickle.loads(told)


@pytest.mark.parametrize("name", HOSTS)
def test_every_command(
    run: Run, name: str, place: Place, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = place.fake
    HOSTS[name](fake)
    situations.look_at(fake, monkeypatch)
    if name == "not-root":
        run("validate", str(place.bare))  # what is imported late may be where root alone can read
        for directory, _, _ in os.walk(fake.root):
            os.chmod(directory, 0o777 if directory == str(place.out) else 0o555)
        fake.path(situations.PIN_ROOT).chmod(0)
    shown = ""
    for command, more in COMMANDS.items():
        line = f"{command} {more}".strip()
        if (name, command) in MENDS:
            shown += f"$ ocihook {line}\n({MENDS[name, command]})\n"
            continue
        words = line.format(
            root=fake.root, bare=place.bare, injected=place.injected, out=place.out,
            program=fake.path(HOOK_PROGRAM), hooks_dir=fake.path(HOOKS_DIR),
        ).split()  # fmt: skip
        status, stdout, stderr = as_other_user(run, words) if name == "not-root" else run(*words)
        shown += f"$ ocihook {line}\n{_beginning(stdout)}{stderr}[{status}]\n"
        if command in NEED_SCHEDULER and (name, command) not in WORKS:
            assert status in (os.EX_UNAVAILABLE, os.EX_NOPERM, os.EX_PROTOCOL), command
        elif command in ANYWHERE or (command in PLACE and name != "not-root"):
            assert status == 0, command
        if status and command != "doctor":
            assert stdout == "", command
            assert re.fullmatch(r"ocihook: .+ \(.+\)\n", stderr), (command, stderr)
    snapshot(f"messages-{name}", _lasting(shown, fake))


def test_no_command_is_forgotten() -> None:
    every = commands()
    alone = {" ".join(path) for path, command in every if not getattr(command, "commands", None)}
    assert set(COMMANDS) == alone | {"cells"}


def _beginning(text: str) -> str:
    """Leave out most of what is long: other tests look at it."""
    lines = text.splitlines(keepends=True)
    if len(lines) <= SHOWN_LINES:
        return text
    return f"{lines[0]}... and more\n"


def _lasting(shown: str, fake: FakeHost) -> str:
    """Leave out what changes with the machine, the version and the ABI."""
    for found, name in (
        (str(fake.root), ""),
        (os.uname().release, "RELEASE"),
        (__version__, "V"),
        (f'abi="{OCIHOOK_ABI_VERSION}"', 'abi="N"'),
        (f"abi        {OCIHOOK_ABI_VERSION}\n", "abi        N\n"),
        (f"/v{OCIHOOK_ABI_VERSION}", "/vN"),
        (f" v{OCIHOOK_ABI_VERSION}", " vN"),
        (f"not {Cell.LAYOUT.size}", "not SIZE"),
        (f"not {SchedulerRecord.LAYOUT.size}", "not SIZE"),
    ):
        shown = shown.replace(found, name)
    return shown
