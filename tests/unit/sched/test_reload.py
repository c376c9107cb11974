# SPDX-License-Identifier: Apache-2.0
"""``scheduler reload``: what it tells of the gap and the cells."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from ocihook import schema
from ocihook.abi import CELL_LIVE, Cell, SchedulerRecord
from ocihook.errors import AbiMismatch
from ocihook.sched import loader, probe, reload

Run = Callable[..., Any]


class Table:
    """In place of the pinned cells: the host, 12 cgroups with cells, one that they share, a free
    slot."""

    def __init__(self, name: str, record: type[Cell]) -> None:
        assert (name, record) == ("cells", Cell)

    def read_first(self, count: int) -> bytearray:
        assert count == 15
        live = Cell(state=CELL_LIVE, cgid=7).pack()
        return live * 13 + Cell(state=CELL_LIVE, nr_members=2).pack() + Cell(cgid=7).pack()

    def close(self) -> None:
        pass


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The CPUs that may be given out of each reload; 12 cells, of which one is lost."""
    calls: list[int] = []

    def restore_cells(given_out: int) -> tuple[int, list[str]]:
        calls[-1] = given_out
        return 11, ["/sys/fs/cgroup/a: cell mark: not a JSON object"]

    def replace() -> float:
        calls.append(-1)
        return 83.26

    monkeypatch.setattr(probe, "supported", lambda *_: True)
    monkeypatch.setattr(loader, "read_record", lambda: SchedulerRecord(nr_slots=15))
    monkeypatch.setattr(reload, "PinnedArray", Table)
    monkeypatch.setattr(loader, "reload", replace)
    monkeypatch.setattr(reload, "restore_cells", restore_cells)
    return calls


def test_text(run: Run, asked: list[int]) -> None:
    outcome = run("scheduler", "reload")
    assert outcome.status == 0
    assert outcome.stdout.startswith(
        "scheduler reloaded after 83 ms without, 11 of 12 cells restored in "
    )
    assert outcome.stderr == "ocihook: /sys/fs/cgroup/a: cell mark: not a JSON object\n"
    assert asked == [0]


def test_json(run: Run, asked: list[int]) -> None:
    outcome = run("scheduler", "reload", "--json", "--host-share", "35")
    assert outcome.stderr.startswith("ocihook: --host-share: has no effect any more: ")
    document = json.loads(outcome.stdout)
    assert schema.findings("scheduler-reload", document) == []
    assert (document["gap_ms"], document["cells_before"], document["cells_after"]) == (83.3, 12, 11)
    assert asked == [0]


def test_pins_of_another_build(run: Run, asked: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """That is what a reload mends."""

    def mismatch(_name: str, _record: type[Cell]) -> Table:
        raise AbiMismatch("map cells has values of 8 bytes, not 984")

    monkeypatch.setattr(reload, "PinnedArray", mismatch)
    document = json.loads(run("scheduler", "reload", "--json").stdout)
    assert schema.findings("scheduler-reload", document) == []
    assert document["cells_before"] is None
