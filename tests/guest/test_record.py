# SPDX-License-Identifier: Apache-2.0
"""``ocihook record``: what ran is what it shows, and nothing stays attached after it."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from cells import Workload, Workloads
from command import command
from converge import converge
from waiting import pause, until

from ocihook.paths import PIN_DIR
from ocihook.sched import loader
from ocihook.schema import findings

RUNNING = pytest.mark.usefixtures("scheduler")
CPUS = os.cpu_count() or 1
DEADLINE_S = 60.0
RING_SWITCHES = 26_214
"""Records of 40 bytes, with their header, in the 1 MiB of bpf/switches.bpf.h."""

# Linux, include/uapi/linux/bpf.h and arch/x86/entry/syscalls/syscall_64.tbl.
SYS_BPF = 321
SYS_CLOCK_NANOSLEEP = 230
BPF_LINK_GET_NEXT_ID = 31


def links() -> set[int]:
    """Return the ids of all links there are in the kernel, pinned or held by a process."""
    bpf = ctypes.CDLL(None, use_errno=True).syscall
    found: set[int] = set()
    last = 0
    while True:
        attributes = ctypes.create_string_buffer(struct.pack("=II", last, 0), 8)
        if bpf(SYS_BPF, BPF_LINK_GET_NEXT_ID, attributes, len(attributes)):
            return found
        last = struct.unpack("=II", attributes)[1]
        found.add(last)


def wait_for_links(wanted: int) -> set[int]:
    """Return the links as soon as there are so many: the kernel ends one some time after close."""
    until(lambda: len(links()) == wanted, f"{wanted} links", timeout_s=DEADLINE_S, seen=links)
    return links()


@contextmanager
def recording(to: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Record for a minute in the background: attached, and waiting for its first switches."""
    before = len(links())
    words = ["ocihook", "record", "--seconds", "60", "-o", os.fspath(to), *options]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            wait_for_links(before + 1)
            state = Path(f"/proc/{process.pid}/syscall")
            until(
                lambda: state.read_text().startswith(f"{SYS_CLOCK_NANOSLEEP} "),
                "the recorder's first sleep",
                step_s=0.01,
                seen=state.read_text,
            )
            yield process
        finally:
            process.kill()


@pytest.fixture
def pair(cells: Workloads) -> list[Workload]:
    """Two cells that will want every CPU: light has a weight of 100, heavy one of 300."""
    return [cells(name, CPUS, weight=weight) for name, weight in (("light", 100), ("heavy", 300))]


def begin(cells: Workloads, pair: list[Workload]) -> None:
    """Let both begin, and be through with their start."""
    cells.begin()
    converge(pair, lambda used: min(used) > 0, cpu_s=0.2, slices=1)


def lanes(trace: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Return how long each name ran on each CPU, in us, from a file of trace events."""
    events = trace["traceEvents"]
    cpus = {e["tid"]: e["args"]["name"] for e in events if e["name"] == "thread_name"}
    found: dict[str, dict[str, float]] = {name: {} for name in cpus.values()}
    for event in events:
        if event["ph"] == "X":
            lane = found[cpus[event["tid"]]]
            lane[event["name"]] = lane.get(event["name"], 0) + event["dur"]
    return found


@pytest.mark.kernel
def test_two_seconds_show_both_cells_on_every_cpu_by_their_weights(
    cells: Workloads, pair: list[Workload], tmp_path: Path
) -> None:
    to = tmp_path / "t.json"
    begin(cells, pair)
    document = json.loads(command("record", "-s", "2", "-o", str(to), "--json").stdout)
    assert findings("recording", document) == []
    assert (document["dropped"], document["note"]) == (0, "")
    assert document["cpus"] == list(range(CPUS))
    assert document["duration_ns"] == pytest.approx(2e9, rel=0.25)
    run_ns = document["run_ns"]
    assert {"heavy", "light"} <= run_ns.keys(), run_ns
    assert sum(run_ns.values()) == CPUS * document["duration_ns"]
    assert run_ns["heavy"] / run_ns["light"] == pytest.approx(3, rel=0.25), run_ns
    assert run_ns["heavy"] + run_ns["light"] > 0.8 * CPUS * document["duration_ns"], run_ns
    assert run_ns.get("not recorded", 0) == 0
    found = lanes(json.loads(to.read_text()))
    assert sorted(found) == [f"CPU {cpu}" for cpu in range(CPUS)]
    for lane in found.values():
        assert min(lane["heavy"], lane["light"]) > 100_000, found


@pytest.mark.once
@pytest.mark.parametrize("suffix", [".svg", ".html"])
def test_pictures_have_the_names_and_the_asked_for_cpu(
    cells: Workloads, pair: list[Workload], tmp_path: Path, suffix: str
) -> None:
    to = tmp_path / f"t{suffix}"
    begin(cells, pair)
    said = command("record", "-s", "0.5", "-o", str(to), "--cpus", "1", "--title", "<one>").stdout
    assert said.startswith(f"{to}: 0.5 s on 1 CPU, ")
    assert said.endswith(" segments, 0 switches dropped\n")
    text = to.read_text()
    if suffix == ".svg":
        root = ElementTree.fromstring(text)
        texts = ["".join(each.itertext()) for each in root.iter("{http://www.w3.org/2000/svg}text")]
        assert texts[0] == "<one>"
        assert "CPU 1" in texts
        assert "CPU 0" not in texts
        assert {one.rstrip("0123456789%") for one in texts} >= {"heavy", "light"}
    else:
        assert '"cpus":[1]' in text
        assert '["heavy",' in text
        assert "<h1>&lt;one&gt;</h1>" in text


@pytest.mark.once
def test_one_at_a_time_and_interrupted_it_writes_and_detaches(
    cells: Workloads, pair: list[Workload], tmp_path: Path
) -> None:
    """The pair is busy only while it is recorded: starts and ends of commands would wait for it."""
    before, pins = links(), sorted(os.listdir(PIN_DIR))
    to = tmp_path / "t.svg"
    with recording(to) as process:
        assert links() > before
        assert sorted(os.listdir(PIN_DIR)) == pins

        done = command("record", "-s", "1", "-o", str(tmp_path / "second.svg"), check=False)
        assert done.returncode == os.EX_UNAVAILABLE
        assert done.stderr == (
            "ocihook: another recording is being made (wait for its end: one at a time)\n"
        )
        assert os.listdir(tmp_path) == []

        begin(cells, pair)
        process.send_signal(signal.SIGINT)
        for cell in pair:
            cell.kill_tasks()
        stdout, stderr = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, stderr) == (0, "")
    assert stdout.startswith(f"{to}: ")
    assert to.read_text().endswith("</svg>\n")
    assert wait_for_links(len(before)) == before
    assert sorted(os.listdir(PIN_DIR)) == pins


@pytest.mark.kernel
@RUNNING
def test_killed_it_leaves_nothing_attached_and_the_next_one_records(tmp_path: Path) -> None:
    before, pins = links(), sorted(os.listdir(PIN_DIR))
    with recording(tmp_path / "t.svg") as process:
        process.send_signal(signal.SIGKILL)
        process.wait(DEADLINE_S)
        assert wait_for_links(len(before)) == before
    assert os.listdir(tmp_path) == []
    assert sorted(os.listdir(PIN_DIR)) == pins
    document = json.loads(
        command("record", "-s", "0.2", "-o", str(tmp_path / "t.json"), "--json").stdout
    )
    assert document["dropped"] == 0


PING_PONG = """
import os
here, there = os.pipe(), os.pipe()
read, write = (here[0], there[1]) if os.fork() else (there[0], here[1])
os.write(write, b".")
while os.read(read, 1):
    os.write(write, b".")
"""
"""Two processes that wake each other: thousands of switches a second."""


@contextmanager
def players() -> Iterator[None]:
    """Let the two play, and be through with their start."""
    before = switches()
    with subprocess.Popen(["python3", "-IS", "-c", PING_PONG], start_new_session=True) as first:
        try:
            until(lambda: switches() > before + 2000, "switches", seen=switches)
            yield
        finally:
            os.killpg(first.pid, signal.SIGKILL)


def switches() -> int:
    """Return how many switches there were since boot: ``ctxt`` of /proc/stat, proc(5)."""
    return int(Path("/proc/stat").read_text().partition("ctxt ")[2].split()[0])


@pytest.mark.once
@pytest.mark.alone
@RUNNING
def test_switches_beyond_the_ring_are_counted_and_not_made_up(tmp_path: Path) -> None:
    """The reader stands still until the ring is full, and for a while longer."""
    to = tmp_path / "t.json"
    with recording(to, "--json") as process:
        with players():
            process.send_signal(signal.SIGSTOP)
            full = switches() + RING_SWITCHES
            until(lambda: switches() > full, "a full ring", seen=switches)
            pause(1.5, "the time that is not recorded: more than 1 s of the CPUs")
            process.send_signal(signal.SIGCONT)
            # Interrupted before it has made room in the ring, it would end where that was full.
            pause(1, "the reader empties the ring, and finds gaps between later switches")
            process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, stderr) == (0, "")
    document = json.loads(stdout)
    assert document["dropped"] > 0
    assert document["segments"] > 1000
    run_ns = document["run_ns"]
    assert sum(run_ns.values()) == CPUS * document["duration_ns"]
    assert 1e9 < run_ns["not recorded"] < CPUS * document["duration_ns"], run_ns
    events = json.loads(to.read_text())["traceEvents"]
    assert [event for event in events if event.get("cat") == "dropped"]


@pytest.mark.once
def test_a_stop_of_the_scheduler_ends_the_recording(tmp_path: Path) -> None:
    loader.start()
    to = tmp_path / "t.svg"
    with recording(to) as process:
        loader.stop()
        stdout, stderr = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, stderr) == (0, "")
    assert "; the scheduler ended meanwhile\n" in stdout
    assert to.exists()


@pytest.mark.once
def test_without_a_scheduler_it_says_how_to_start_one(tmp_path: Path) -> None:
    loader.stop()
    done = command("record", "-o", str(tmp_path / "t.svg"), check=False)
    assert done.returncode == os.EX_UNAVAILABLE
    assert done.stderr == (
        "ocihook: no ocihook scheduler is loaded (start it with: ocihook scheduler start)\n"
    )
    assert os.listdir(tmp_path) == []
