# SPDX-License-Identifier: Apache-2.0
"""``ocihook record``: files, messages, what ends a recording. The kernel's part is played here;
tests/guest/test_record.py has the real one, whole/test_messages.py hosts where nothing can run."""

import errno
import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import fixed_recording
import pytest

from ocihook import schema, topology
from ocihook._bpf import pinned, switches
from ocihook.abi import RUN_CELL, Cell, SchedulerRecord
from ocihook.errors import SystemCallError
from ocihook.sched import recording
from ocihook.timeline.lanes import Switch

Run = Callable[..., Any]


class Stream:
    """Stands in for the kernel: cell 1, called web, and the host in turn on CPU 0."""

    exited = 0
    per_read = 1

    def __enter__(self) -> "Stream":
        self.seq = 1
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def now(self, cpu: int) -> Switch:
        return (time.monotonic_ns(), cpu, self.seq, 1, 7, RUN_CELL, 0)

    def read(self) -> list[Switch]:
        found = []
        for _ in range(self.per_read):
            self.seq += 1
            cell = (1, 7) if self.seq % 2 else (0, 0)
            found.append((time.monotonic_ns(), 0, self.seq, *cell, RUN_CELL, 1))
        return found

    def detach(self) -> None:
        pass

    def exited_ns(self) -> int:
        return self.exited


class Table:
    """Stands in for the pinned cell table, and keeps which slots were read."""

    asked: ClassVar[list[int]] = []

    def __init__(self, *_: object) -> None:
        self.asked.clear()

    def read(self, slot: int) -> list[Cell]:
        self.asked.append(slot)
        return [Cell(name=b"web", generation=7)]

    def close(self) -> None:
        pass


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> type[Stream]:
    played = type("Played", (Stream,), {})
    monkeypatch.setattr(recording, "SwitchStream", played)
    monkeypatch.setattr(recording, "PinnedArray", Table)
    monkeypatch.setattr(topology, "read", lambda: topology.Topology(0b11, (), (), ()))
    return played


@pytest.fixture
def fixed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The fixed recording, and what was asked for."""
    asked: list[Any] = []

    def record(*arguments: Any) -> Any:
        asked.append(arguments)
        return fixed_recording.recording()

    monkeypatch.setattr(recording, "record", record)
    monkeypatch.setattr(topology, "read", lambda: topology.Topology(0b1111, (), (), ()))
    return asked


@pytest.mark.parametrize(
    ("suffix", "begins"), [("svg", "<svg "), ("html", "<!DOCTYPE html>"), ("json", '{"display')]
)
def test_the_name_says_the_format(
    run: Run, fixed: list[Any], tmp_path: Path, suffix: str, begins: str
) -> None:
    to = tmp_path / f"timeline.{suffix}"
    said = f"{to}: 0.4 s on 4 CPUs, 383 segments, 9 switches dropped\n"
    assert run("record", "--seconds", "3", "-o", str(to), "--cpus", "0-1,3") == (0, said, "")
    assert to.read_text().startswith(begins)
    assert to.stat().st_mode & 0o777 == 0o600, "others' ids and times"
    assert fixed == [(3.0, [0, 1, 3], "Which cell ran on which CPU")]


def test_json_says_what_was_recorded(run: Run, fixed: list[Any], tmp_path: Path) -> None:
    outcome = run("record", "-o", str(tmp_path / "t.svg"), "--json")
    document = json.loads(outcome.stdout)
    assert schema.findings("recording", document) == []
    assert document["dropped"] == 9
    assert sum(document["run_ns"].values()) == 4 * document["duration_ns"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-o", "t.png"), "t.png: the name ends with none of .svg, .html, .json"),
        (("-o", "t.svg", "--seconds", "0"), "--seconds 0: not above 0 and up to 600"),
        (("-o", "t.svg", "--seconds", "601"), "--seconds 601: not above 0 and up to 600"),
        (("-o", "t.svg", "--seconds", "nan"), "--seconds nan: not above 0 and up to 600"),
        (("-o", "t.svg", "--cpus", "0-9"), "--cpus 0-9: 4-9 is not online"),
        (("-o", "t.svg", "--cpus", "x"), "--cpus x:"),
    ],
)
def test_what_cannot_be_recorded_is_said_at_once(
    run: Run, fixed: list[Any], arguments: tuple[str, ...], message: str
) -> None:
    outcome = run("record", *arguments)
    assert outcome.status == 2
    said = " ".join(line.strip("│ ") for line in outcome.stderr.splitlines())
    assert message in said
    assert fixed == []


def test_names_are_read_once_and_the_host_is_no_cell(
    kernel: type[Stream], run: Run, tmp_path: Path
) -> None:
    outcome = run("record", "-s", "0.1", "-o", str(tmp_path / "t.json"), "--json")
    document = json.loads(outcome.stdout)
    assert set(document["run_ns"]) == {"web", "host"}
    assert Table.asked == [1]
    assert document["cpus"] == [0, 1]
    assert document["duration_ns"] >= 100_000_000


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_recording_is_written(
    kernel: type[Stream], run: Run, tmp_path: Path, number: signal.Signals
) -> None:
    to = tmp_path / "t.svg"
    before = signal.getsignal(number)
    threading.Timer(0.2, os.kill, (os.getpid(), number)).start()
    outcome = run("record", "--seconds", "60", "-o", str(to))
    assert outcome.status == 0
    assert to.read_text().endswith("</svg>\n")
    assert signal.getsignal(number) is before


def test_a_scheduler_that_ends_ends_the_recording(
    kernel: type[Stream], run: Run, tmp_path: Path
) -> None:
    kernel.exited = time.monotonic_ns() + 50_000_000
    to = tmp_path / "t.svg"
    outcome = run("record", "--seconds", "60", "-o", str(to))
    assert outcome.stdout.endswith("dropped; the scheduler ended meanwhile\n")
    assert "the scheduler ended meanwhile" in to.read_text()


def test_memory_is_bounded(
    kernel: type[Stream], run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "SEGMENTS_MAX", 1000)
    kernel.per_read = 400
    outcome = run("record", "--seconds", "60", "-o", str(tmp_path / "t.svg"))
    assert outcome.stdout.endswith("dropped; ended early, at 1,000 segments\n")


def test_a_scheduler_from_before_there_was_record(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def obj_get(path: str) -> int:
        if path.endswith("/scheduler"):
            return os.open("/dev/null", os.O_RDONLY)
        raise SystemCallError(f"pin {path}", errno.ENOENT)

    monkeypatch.setattr(pinned, "obj_get", obj_get)
    monkeypatch.setattr(switches, "map_sizes", lambda _fd: (4, SchedulerRecord.LAYOUT.size))
    pins = str(tmp_path)
    monkeypatch.setattr(recording, "SwitchStream", lambda: switches.SwitchStream(pins))
    outcome = run("record", "-o", str(tmp_path / "t.svg"))
    assert outcome == (
        os.EX_PROTOCOL,
        "",
        "ocihook: the scheduler that runs cannot record"
        " (replace it by this version: ocihook scheduler reload)\n",
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "missing/t.svg",
            "cannot be written: no such file or directory (make its directory first)",
        ),
        ("link.svg", "is no plain file (name one, or a new one)"),
        ("directory.svg", "is no plain file (name one, or a new one)"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused_before_anything_is_recorded(
    run: Run, fixed: list[Any], tmp_path: Path, name: str, message: str
) -> None:
    (tmp_path / "link.svg").symlink_to("/dev/null")
    (tmp_path / "directory.svg").mkdir()
    to = tmp_path / name
    outcome = run("record", "-o", str(to))
    assert outcome == (os.EX_CANTCREAT, "", f"ocihook: {to}: {message}\n")
    assert fixed == []


def test_where_no_cell_ran_it_says_so(kernel: type[Stream], run: Run, tmp_path: Path) -> None:
    def now(self: Stream, cpu: int) -> Switch:
        return (time.monotonic_ns(), cpu, self.seq, 0, 0, RUN_CELL, 0)

    kernel.now = now  # type: ignore[method-assign]
    kernel.per_read = 0
    outcome = run("record", "-s", "0.1", "-o", str(tmp_path / "t.svg"))
    assert outcome.status == 0
    assert outcome.stdout.endswith(
        ", 0 switches dropped\nno cell ran meanwhile: see which there are with ocihook cells\n"
    )
