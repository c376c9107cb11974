# SPDX-License-Identifier: Apache-2.0
"""The installed program with as little memory as a container's limits may leave it under crun, in
steps from plenty to too little for Python itself. What the administrator refuses stays refused.

Without the privilege to raise limits; with it the first thing that the program does is to raise
them, which tests/guest/test_hook_limits.py tries.
"""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hostile
import pytest
from hostile import Ended, Program, without_raising

from ocihook import paths

State = Callable[..., dict[str, Any]]

STEP_BYTES = (64 if os.environ.get("OCIHOOK_TEST_THOROUGH") == "1" else 128) << 10
PLENTY_BYTES = {"DATA": 6 << 20, "AS": 14 << 20}
"""Where plenty is looked for, upwards."""

TOO_LITTLE = 3
"""So many steps in a row at which Python ends by itself, and there is nothing left to try."""

OURS = (os.EX_OSERR, os.EX_SOFTWARE)
HEAVY = {"org.ocihook/weight": "9999"}
MAIN = b"try:\n    from ocihook.hook.main import run\n"

PRELUDE = """
try:
    from ocihook import paths
    paths.CONFIG_FILE, paths.POLICY_FILE = {config!r}, {policy!r}
    {fakes}
except Exception:
    pass
"""
FAKES = """
    from ocihook.hook import cgroup
    from ocihook._bpf import pinned
    def register(request):
        posix.write(2, b"registered with weight %d\\n" % request.weight)
        return 3, 1
    pinned.register = register
    cgroup.Cgroup.mark = lambda self, mark: None
    cgroup.find = lambda pid, joined: cgroup.Cgroup(77, "/c1", posix.open("/", posix.O_RDONLY))
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    monkeypatch.setattr(hostile, "TIMEOUT_S", 5)
    return Program(tmp_path)


def prepare(program: Program, text: str, config: Path, fakes: str = "") -> None:
    """Have the program read the configuration `text`, and meet what `fakes` says."""
    config.write_text(text)
    config.chmod(0o644)
    prelude = PRELUDE.format(config=paths.CONFIG_FILE, policy=paths.POLICY_FILE, fakes=fakes)
    launcher = program.path.read_bytes()
    assert launcher.count(MAIN) == 1
    program.path.write_bytes(launcher.replace(MAIN, prelude.encode() + MAIN))


def with_little(kind: str, size_bytes: int, hard_bytes: int | None = None) -> Callable[[], None]:
    """Limit memory; to what it may be raised, with `hard_bytes`."""
    limits = (size_bytes, size_bytes if hard_bytes is None else hard_bytes)

    def before() -> None:
        without_raising()
        resource.setrlimit(getattr(resource, f"RLIMIT_{kind}"), limits)

    return before


def at_each_step(program: Program, state: dict[str, Any], kind: str) -> Iterator[Ended]:
    """Run the program with plenty of memory, and then with a step less each time."""

    def run(size_bytes: int) -> Ended:
        return program.run(state, before=with_little(kind, size_bytes))

    usual = program.run(state)
    size_bytes = PLENTY_BYTES[kind]
    while run(size_bytes) != usual:
        size_bytes += 1 << 20
        assert size_bytes < 64 << 20, f"{usual} with plenty"
    failed = 0
    while failed < TOO_LITTLE:
        try:
            ended = run(size_bytes)
        except subprocess.TimeoutExpired:
            return  # Python 3.11 hangs where there is too little for its importer
        yield ended
        failed = 0 if ended.status in (*OURS, usual.status) else failed + 1
        size_bytes -= STEP_BYTES


@pytest.mark.parametrize("kind", PLENTY_BYTES)
@pytest.mark.parametrize("stored", [True, False], ids=["stored", "not stored"])
def test_want_of_memory_does_not_open_what_is_refused(
    program: Program, make_state: State, config: Path, kind: str, stored: bool
) -> None:
    """Python ends by itself, or the program says that it cannot; the container never starts."""
    text = '[limits]\nweight_max = 100\nown_cpus_max = 0\n[hook]\non_error = "refuse"\n'
    prepare(program, text, config)
    state = make_state(annotations=HEAVY)
    statuses = set()
    for ended in at_each_step(program, state, kind):
        assert ended.status != 0, ended
        statuses.add(ended.status)
        if not stored:
            Path(paths.POLICY_FILE).unlink(missing_ok=True)
    assert {os.EX_OSERR, os.EX_NOPERM} <= statuses, "no step met a program that lacks memory"


@pytest.mark.parametrize("kind", PLENTY_BYTES)
def test_no_wish_passes_for_want_of_memory(
    program: Program, make_state: State, config: Path, kind: str
) -> None:
    """Where a container may start without its cell, it starts without what it may not have."""
    prepare(program, "[limits]\nweight_max = 100\n", config, FAKES)
    state = make_state(annotations=HEAVY)
    for ended in at_each_step(program, state, kind):
        assert "registered with weight 9999" not in ended.lines
    assert "9999 is above limits.weight_max = 100 of" in program.run(state).lines[-1]
    allowed = make_state(annotations={"org.ocihook/weight": "99"})
    assert "registered with weight 99" in program.run(allowed).lines


@pytest.mark.parametrize("kind", PLENTY_BYTES)
def test_what_may_be_raised_is(
    program: Program, make_state: State, config: Path, kind: str
) -> None:
    """With as little memory as it cannot do with, it does as ever where the limit is a soft one."""
    prepare(program, '[limits]\nweight_max = 100\n[hook]\non_error = "refuse"\n', config)
    state = make_state(annotations=HEAVY)
    usual = program.run(state)
    assert usual.status == os.EX_NOPERM
    size_bytes = PLENTY_BYTES[kind] + (1 << 20)
    while program.run(state, before=with_little(kind, size_bytes)).status != os.EX_OSERR:
        size_bytes -= STEP_BYTES
        assert size_bytes > 0
    soft = with_little(kind, size_bytes, resource.RLIM_INFINITY)
    assert program.run(state, before=soft) == usual
