# SPDX-License-Identifier: Apache-2.0
"""``scheduler dump``, on a tracefs of our own: files that are there, and a kernel that writes."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ocihook.errors import SchedulerUnavailable, SystemCallError
from ocihook.sched import dump, probe

TRACE = """\
# tracer: nop
#
# entries-in-buffer/entries-written: 3/{written}   #P:2
#
   ocihook-212     [001] .....   77.123: sched_ext_dump: ocihook: ABI 2, clock of the cells 5
   ocihook-212     [001] .....   77.124: sched_ext_dump: cell 3 generation 1 live: sched_ext_dump: x
   ocihook-212     [001] .....   77.125: sched_ext_dump:   weight=100 vtime=0 runnable=1 queued=0
"""
LINES = [
    "ocihook: ABI 2, clock of the cells 5",
    "cell 3 generation 1 live: sched_ext_dump: x",
    "  weight=100 vtime=0 runnable=1 queued=0",
]


def test_lines_keep_what_stands_in_them() -> None:
    assert dump.parse(TRACE.format(written=3)) == (LINES, 0)


@pytest.mark.parametrize("char", ["\r", "\x0b", "\x1c", "\x85", "\u2028"], ids=ascii)
def test_a_tasks_name_ends_no_line(char: str) -> None:
    trace = TRACE.format(written=3).replace("live", f"li{char}ve")
    assert dump.parse(trace).lines[1:] == [LINES[1].replace("live", f"li{char}ve"), LINES[2]]


def test_lines_that_were_overwritten_are_counted() -> None:
    assert dump.parse(TRACE.format(written=40)).lost == 37
    assert dump.parse("") == ([], 0)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of root's on which a scheduler runs."""
    monkeypatch.setattr(probe, "supported", lambda *_: True)
    monkeypatch.setattr(probe, "running_ops", lambda *_: "ocihook")
    monkeypatch.setattr(os, "geteuid", lambda: 0)


@pytest.fixture
def tracefs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An instance is filled when it is made, and can be removed with all that is in it."""
    root = tmp_path / "tracing"
    (root / "instances").mkdir(parents=True)
    make, remove = Path.mkdir, Path.rmdir

    def mkdir(self: Path, *args: Any, **options: Any) -> None:
        make(self, *args, **options)
        if self.parent == root / "instances":
            make((self / dump.EVENT).parent, parents=True)
            (self / dump.EVENT).write_text("0")
            (self / "trace").write_text(TRACE.format(written=3))

    def rmdir(self: Path) -> None:
        for path in sorted(self.rglob("*"), reverse=True):
            remove(path) if path.is_dir() else path.unlink()
        remove(self)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    monkeypatch.setattr(Path, "rmdir", rmdir)
    return root


@pytest.mark.usefixtures("runs")
def test_the_instance_goes_with_the_dump(tracefs: Path, tmp_path: Path) -> None:
    sysrq = tmp_path / "sysrq"
    assert dump.dump_scheduler(str(tracefs), str(sysrq)).lines == LINES
    assert sysrq.read_text() == "D"
    assert os.listdir(tracefs / "instances") == []


@pytest.mark.usefixtures("runs")
def test_what_the_kernel_refuses_leaves_no_instance(tracefs: Path, tmp_path: Path) -> None:
    sysrq = tmp_path / "none" / "sysrq"
    with pytest.raises(SystemCallError, match=f"{sysrq}: no such file or directory"):
        dump.dump_scheduler(str(tracefs), str(sysrq))
    assert os.listdir(tracefs / "instances") == []


@pytest.mark.usefixtures("runs")
def test_kernel_without_tracing(tmp_path: Path) -> None:
    with pytest.raises(SchedulerUnavailable, match="the kernel has no tracefs"):
        dump.dump_scheduler(str(tmp_path / "none"))


@pytest.mark.usefixtures("runs")
def test_names_of_tasks_cannot_reach_the_terminal(
    run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = dump.Dump(["R \x1b[31mred[12]"], 4)
    monkeypatch.setattr("ocihook.cli.scheduler.dump_scheduler", lambda: found)
    outcome = run("scheduler", "dump")
    assert outcome.stdout == "R \\x1b[31mred[12]\n"
    assert outcome.stderr.startswith("ocihook: the first 4 lines of the dump are lost")
