# SPDX-License-Identifier: Apache-2.0
"""The hook's core as a function of a state and a config.json, for tests that ask it many times.

All of the hook runs except what needs a process of its own (signals, working directory) and what
the kernel answers: the container's cgroup is an empty directory, the scheduler takes every request,
and the administrator allows everything.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from case_watch import DOCUMENTED, Watch, watched
from open_policy import opened

from ocihook import grant
from ocihook._bpf import pinned
from ocihook.abi import CellRequest
from ocihook.hook import bundle, cgroup, journal, process
from ocihook.hook import main as hook
from ocihook.hook.cgroup import Cgroup


class Run(NamedTuple):
    """The exit status, what was registered, and the lines on standard error."""

    status: int
    registered: list[CellRequest]
    lines: list[bytes]


class Core:
    """Runs the hook; ``run`` asserts what holds for every input whatsoever."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.stdin = b""
        self.config = b""
        self.lines: list[bytes] = []
        self.registered: list[CellRequest] = []

    def run(self, stdin: bytes, config: bytes = b"{}", stage: str = "createRuntime") -> Run:
        """Run a stage, and fail where it hangs, has an internal error or an unknown status."""
        self.stdin, self.config = stdin, config
        self.lines, self.registered = [], []
        self.watch.begins(stdin, config)
        status = hook.main(["ocihook-hook", stage])
        self.watch.ends()
        assert status in DOCUMENTED, (status, stdin, config)
        assert all(b"internal error" not in line for line in self.lines), (self.lines, stdin)
        assert all(line.count(b"\n") == 1 for line in self.lines), (self.lines, stdin)
        return Run(status, self.registered, self.lines)


@contextmanager
def stood_in(directory: Path) -> Iterator[Core]:
    """Return the core with its stand-ins in place; `directory` is the container's cgroup."""
    nothing = lambda *_arguments: None  # noqa: E731

    def register(request: CellRequest) -> tuple[int, int]:
        core.registered.append(request)
        return 1, 1

    with pytest.MonkeyPatch.context() as patch, watched() as watch:
        core = Core(watch)
        patch.setattr(process, "prepare", nothing)
        patch.setattr(process, "finish", nothing)
        patch.setattr(hook, "_policy", lambda _stage: opened())
        patch.setattr(process, "read_stdin", lambda _limit: core.stdin)
        patch.setattr(
            cgroup, "find", lambda _pid, joined: Cgroup(77, "/c", os.open(directory, os.O_PATH))
        )
        patch.setattr(Cgroup, "mark", nothing)
        patch.setattr(bundle, "find", lambda _state: bundle.parse(core.config))
        patch.setattr(pinned, "register", register)
        patch.setattr(pinned, "unregister", nothing)
        patch.setattr(grant, "grant", lambda *_arguments: "")
        patch.setattr(process, "write_stderr", lambda line: core.lines.append(line))
        patch.setattr(journal, "send", lambda _fields: False)
        yield core
