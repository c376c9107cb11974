# SPDX-License-Identifier: Apache-2.0
"""What commands that look at cells say where they cannot, as somebody at a terminal reads it.

What the kernel answers is said here, on any machine; tests/runtime has a real one without
sched_ext, and tests/guest those with it.
"""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ocihook import __version__
from ocihook._bpf import pinned, pinned_array
from ocihook.abi import OCIHOOK_ABI_VERSION, Cell, SchedulerRecord
from ocihook.errors import SystemCallError
from ocihook.sched import loader, probe, status

Run = Callable[..., Any]
Snapshot = Callable[[str, str], None]

COMMANDS = (
    "cells", "cells --json", "cells tree", "cells show web", "cells set web --weight 5", "metrics",
    "cells release web", "top", "top --json", "gc",
)  # fmt: skip

SCHEDULER_COMMANDS = ("scheduler reload", "scheduler reload --json", "scheduler dump")
"""They do not look at cells: pins of another build are what a reload is for."""


class Host(NamedTuple):
    """A machine on which no cell can be had."""

    sched_ext: bool = True
    scheduler: str | None = None
    """The ops that run."""
    pin_errno: int = errno.ENOENT
    """Why a pin cannot be opened; 0: it can, and its values have another size than ours."""


HOSTS = {
    "without-sched-ext": Host(sched_ext=False),
    "stopped": Host(),
    "foreign-scheduler": Host(scheduler="lavd"),
    "not-root": Host(scheduler="ocihook", pin_errno=errno.EACCES),
    "pins-of-another-build": Host(scheduler="ocihook", pin_errno=0),
}


@pytest.fixture(params=HOSTS)
def host(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    name: str = request.param
    host = HOSTS[name]

    def obj_get(path: str) -> int:
        if host.pin_errno:
            raise SystemCallError(f"pin {path}", host.pin_errno)
        return os.open("/dev/null", os.O_RDONLY)

    monkeypatch.setattr(pinned, "obj_get", obj_get)
    monkeypatch.setattr(pinned_array, "map_sizes", lambda _fd: (4, 8))
    monkeypatch.setattr(probe, "supported", lambda *_: host.sched_ext)
    monkeypatch.setattr(probe, "running_ops", lambda *_: host.scheduler)
    monkeypatch.setattr(os, "geteuid", lambda: 1000 if host.pin_errno == errno.EACCES else 0)
    monkeypatch.setattr(status, "is_running", lambda: host.scheduler == "ocihook")
    return name


def test_each_command(run: Run, host: str, snapshot: Snapshot) -> None:
    shown = ""
    # A program of another build is run all the same: nothing tells how large its context is.
    for command in COMMANDS if HOSTS[host].pin_errno else COMMANDS[:-1]:
        outcome = run(*command.split())
        shown += f"$ ocihook {command}\n{outcome.stdout}{outcome.stderr}[{outcome.status}]\n"
        if command != "metrics":
            assert outcome.stdout == ""
            assert outcome.status in (os.EX_UNAVAILABLE, os.EX_NOPERM, os.EX_PROTOCOL)
    snapshot(f"messages-{host}", lasting(shown))


@pytest.mark.parametrize("name", ["without-sched-ext", "foreign-scheduler", "not-root", "stopped"])
def test_scheduler_commands(
    run: Run, name: str, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    host = HOSTS[name]
    monkeypatch.setattr(probe, "supported", lambda *_: host.sched_ext)
    monkeypatch.setattr(probe, "running_ops", lambda *_: host.scheduler)
    monkeypatch.setattr(probe, "require_host", lambda: None)
    monkeypatch.setattr(probe, "require_sound_btf", lambda: None)
    monkeypatch.setattr(probe, "kernel_state", lambda: "disabled")
    monkeypatch.setattr(os, "geteuid", lambda: 1000 if host.pin_errno == errno.EACCES else 0)
    monkeypatch.setattr(loader, "read_record", lambda: SchedulerRecord())
    monkeypatch.setattr(loader, "PIN_ROOT", str(tmp_path))
    monkeypatch.setattr(loader, "PIN_DIR", str(tmp_path / "v1"))
    # Of another scheduler there is a dump, too; what it is made with is not on this machine.
    commands = SCHEDULER_COMMANDS[: 2 if name == "foreign-scheduler" else 3]
    shown = ""
    for command in commands:
        outcome = run(*command.split())
        shown += f"$ ocihook {command}\n{outcome.stdout}{outcome.stderr}[{outcome.status}]\n"
        assert outcome.stdout == ""
        assert outcome.status in (os.EX_UNAVAILABLE, os.EX_NOPERM)
    snapshot(f"messages-scheduler-{name}", lasting(shown))


def lasting(shown: str) -> str:
    """Leave out what changes with the machine, the version and the ABI."""
    for found, name in (
        (os.uname().release, "RELEASE"),
        (f'version="{__version__}",abi="{OCIHOOK_ABI_VERSION}"', 'version="V",abi="N"'),
        (f"/v{OCIHOOK_ABI_VERSION}/", "/vN/"),
        (f"not {Cell.LAYOUT.size}", "not SIZE"),
        (f"not {SchedulerRecord.LAYOUT.size}", "not SIZE"),
    ):
        shown = shown.replace(found, name)
    return shown
