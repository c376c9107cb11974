# SPDX-License-Identifier: Apache-2.0
"""Records for the journal: a real datagram socket stands for journald's.

tests/runtime/test_journald.py asks a real one.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ocihook.hook import journal

Run = Callable[..., Any]
State = Callable[..., dict[str, Any]]


class Listener:
    """A journal's socket, at a path that is short enough for sockaddr_un."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(5)
        self.prelude = (
            "from ocihook.hook import journal; journal.send.__defaults__ = "
            f"({self.path!r},)\n"
        )  # fmt: skip

    def record(self) -> dict[str, str]:
        """Return the fields of the next datagram, by the rules of the protocol."""
        data = self.socket.recv(1 << 20)
        fields = {}
        while data:
            line, _, rest = data.partition(b"\n")
            name, equals, value = line.partition(b"=")
            if not equals:
                size_bytes = int.from_bytes(rest[:8], "little")
                value, end = rest[8 : 8 + size_bytes], rest[8 + size_bytes :]
                assert end.startswith(b"\n")
                rest = end[1:]
            fields[name.decode()] = value.decode()
            data = rest
        return fields


@pytest.fixture
def listener(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listener]:
    found = Listener(tmp_path_factory.mktemp("j") / "socket")
    yield found
    found.socket.close()


def test_a_record(listener: Listener) -> None:
    fields = [("MESSAGE", "a=b"), ("PRIORITY", 4), ("OCIHOOK_CELL", None), ("OCIHOOK_STATUS", 0)]
    assert journal.send(fields, listener.path)
    assert listener.record() == {"MESSAGE": "a=b", "PRIORITY": "4", "OCIHOOK_STATUS": "0"}


@pytest.mark.parametrize("value", ["\n", "a\nMESSAGE=forged\n", "two\nlines", "\0\n"])
def test_a_value_of_several_lines_forges_no_field(listener: Listener, value: str) -> None:
    assert journal.send([("OCIHOOK_BUNDLE", value), ("MESSAGE", "real")], listener.path)
    assert listener.record() == {"OCIHOOK_BUNDLE": value, "MESSAGE": "real"}


def test_a_long_value_is_cut(listener: Listener) -> None:
    assert journal.send([("A", "x" * 5000), ("B", "\n" * 5000)], listener.path)
    assert listener.record() == {"A": "x" * 4096, "B": "\n" * 4096}


def test_text_that_is_no_text(listener: Listener) -> None:
    assert journal.send([("A", "\ud800")], listener.path)
    assert listener.record() == {"A": "\\ud800"}


def test_no_journal(tmp_path: Path) -> None:
    assert not journal.send([("MESSAGE", "x")], str(tmp_path / "socket"))


def test_a_journal_that_has_gone(listener: Listener) -> None:
    listener.socket.close()
    assert os.path.exists(listener.path)
    assert not journal.send([("MESSAGE", "x")], listener.path)


def test_something_else_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert not journal.send([("MESSAGE", "x")], str(tmp_path / "file"))


def test_a_journal_that_does_not_keep_up_is_not_waited_for(listener: Listener) -> None:
    began_s = time.monotonic()
    taken = [journal.send([("MESSAGE", "x")], listener.path) for _ in range(10_000)]
    assert taken[0]
    assert not taken[-1], "net.unix.max_dgram_qlen"
    assert time.monotonic() - began_s < 30


def test_a_failure_is_on_record_with_its_parts(
    run_hook: Run, make_state: State, gone_pid: int, listener: Listener, bundle: Path
) -> None:
    state = make_state(pid=gone_pid)
    run = run_hook("createRuntime", state, prelude=listener.prelude)
    line = f"createRuntime: container c1: pid {gone_pid}: no such process"
    assert (run.status, run.lines) == (0, [f"ocihook: {line}"])
    expected = {
        "MESSAGE": line,
        "MESSAGE_ID": "e055dc82610d4a7399363b5a90b4ac4c",
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "ocihook",
        "OCIHOOK_STAGE": "createRuntime",
        "OCIHOOK_ERROR": "ProcessGone",
        "OCIHOOK_STATUS": "0",
        "OCIHOOK_CONTAINER": "c1",
        "OCIHOOK_BUNDLE": str(bundle),
    }
    assert listener.record() == expected
    required = {**state, "annotations": {"org.ocihook/required": "true"}}
    run = run_hook("createRuntime", required, prelude=listener.prelude)
    assert run.status == os.EX_NOINPUT
    assert listener.record() == expected | {"PRIORITY": "3", "OCIHOOK_STATUS": "66"}


def test_a_failure_without_a_container_is_on_record(run_hook: Run, listener: Listener) -> None:
    run_hook("poststop", b"{}", prelude=listener.prelude)
    record = listener.record()
    assert record["MESSAGE"] == "poststop: state: id: missing"
    assert "OCIHOOK_CONTAINER" not in record


def test_a_container_id_forges_no_field(
    run_hook: Run, make_state: State, listener: Listener
) -> None:
    forged = "c1\nPRIORITY=0\nMESSAGE=forged"
    run = run_hook(
        "poststart",
        make_state(id=forged, annotations={"org.ocihook/weight": ""}),
        prelude=listener.prelude,
    )
    assert len(run.lines) == 1
    record = listener.record()
    assert record["OCIHOOK_CONTAINER"] == forged
    assert record["PRIORITY"] == "4"
    assert record["MESSAGE"].startswith(
        "poststart: container c1?PRIORITY=0?MESSAGE=forged: annotation"
    )


def test_what_a_cell_lacks_is_on_record_with_the_cell(
    run_hook: Run, make_state: State, listener: Listener
) -> None:
    short = """
from ocihook.errors import OwnCpusTaken
from ocihook.hook import stages
def enrol(state):
    state.cell = 3
    raise OwnCpusTaken("own CPUs: 2 wished, 0 granted")
stages.STAGES["createRuntime"] = enrol
"""
    run_hook("createRuntime", make_state(), prelude=short + listener.prelude)
    record = listener.record()
    assert (record["OCIHOOK_CELL"], record["OCIHOOK_ERROR"]) == ("3", "OwnCpusTaken")


def test_success_is_not_on_record(run_hook: Run, make_state: State, listener: Listener) -> None:
    good = "from ocihook.hook import stages; stages.STAGES['poststop'] = lambda state: None\n"
    run = run_hook("poststop", make_state(), prelude=good + listener.prelude)
    assert (run.status, run.lines) == (0, [])
    listener.socket.setblocking(False)
    with pytest.raises(BlockingIOError):
        listener.socket.recv(1)
