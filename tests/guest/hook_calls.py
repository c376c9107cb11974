# SPDX-License-Identifier: Apache-2.0
"""Hooks called by hand, and programs put in the hook's place: for an order of calls of our own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from bundle import TIMEOUT_S, Container, hook_entries
from cells import cells_of
from waiting import until

from ocihook.paths import HOOK_PROGRAM
from ocihook.sched.cells import list_cells

SILENT = (0, b"", b"")
"""Exit status, stdout and stderr of a hook that has nothing to say."""

_RECORD = """\
#!/bin/sh
state={directory}/$(date +%s%N)-$1
cat >"$state"
exec {program} "$@" <"$state"
"""


def only_cell(container: Container) -> dict[str, Any]:
    """Return the container's cell, and demand that it has one and no more."""
    (cell,) = cells_of(container.id)
    return cell


def identity(container: Container) -> tuple[int, int, int]:
    """Return the slot, the generation and the cgid of the container's only cell."""
    cell = only_cell(container)
    return cell["cell"], cell["generation"], cell["cgid"]


def wait_for_end_of_cells(container: Container) -> None:
    """Wait until the container has no live cell; tasks that are dying may keep it draining."""
    until(lambda: not cells_of(container.id), f"the end of {container.id}'s cell", seen=list_cells)


def call_hook(
    stage: str, container: Container, status: str, **members: object
) -> tuple[int, bytes, bytes]:
    """Call the hook as a runtime does; return its exit status and what it printed.

    The state names the container's id and bundle; ``members`` add to that, or replace it.
    """
    state = {"ociVersion": "1.0.2", "id": container.id, "status": status}
    state |= {"bundle": str(container.bundle), "annotations": container.document()["annotations"]}
    done = subprocess.run(
        [HOOK_PROGRAM, stage],
        input=json.dumps(state | members).encode(),
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def complaint(container: Container) -> str:
    """Return what the hooks of a container of crun's have said, if it has ``log_hooks``."""
    file = container.bundle / "hooks"
    return file.read_text() if file.exists() else ""


class Recorder:
    """A program that keeps what each stage was given before the hook program gets it."""

    def __init__(self, directory: Path) -> None:
        """Write the program."""
        self._states = directory / "states"
        self._states.mkdir(parents=True)
        self.program = directory / "recorder"
        self.program.write_text(_RECORD.format(directory=self._states, program=HOOK_PROGRAM))
        self.program.chmod(0o755)

    def calls(self) -> list[tuple[str, dict[str, Any]]]:
        """Return stage and state of every call so far, the first one first."""
        return [
            (path.name.partition("-")[2], json.loads(path.read_text()))
            for path in sorted(self._states.iterdir())
        ]

    def stages(self) -> list[str]:
        """Return the stages that were called so far, in order."""
        # Not by calls(): a hook that runs just now may not have written its state yet.
        return [path.name.partition("-")[2] for path in sorted(self._states.iterdir())]

    def hooks(self) -> dict[str, list[dict[str, Any]]]:
        """Return a ``hooks`` member with all six stages of the runtime-spec.

        Those that run in the container's mount namespace call the hook program itself: this one is
        not in there.
        """
        outside = ("prestart", "createRuntime", "poststart", "poststop")
        return {
            **hook_entries(outside, str(self.program)),
            **hook_entries(("createContainer", "startContainer")),
        }
