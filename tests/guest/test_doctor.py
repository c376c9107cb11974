# SPDX-License-Identifier: Apache-2.0
"""`ocihook doctor` on a kernel with sched_ext: what it says of real pins, cells and marks."""

from __future__ import annotations

import json
import os

import pytest
from bundle import Make
from cells import Workloads, cells_of
from command import ocihook
from kernel import eject

from ocihook.doctor.examination import examine
from ocihook.doctor.finding import Finding
from ocihook.doctor.host import Host
from ocihook.paths import PIN_DIR, PIN_ROOT
from ocihook.sched import loader
from ocihook.schema import findings

pytestmark = pytest.mark.once


def seen(topic: str) -> dict[str, Finding]:
    """Examine a topic in this process; return findings by name."""
    return {each.name: each for each in examine(Host(), [topic])}


def worse(*topics: str) -> list[Finding]:
    """Return warnings and errors of topics."""
    return [each for each in examine(Host(), topics) if each.verdict in ("warning", "error")]


def test_running_scheduler_needs_no_mending(make: Make) -> None:
    loader.start()
    container = make("crun", command=("/bin/sleep", "1000")).run()
    assert len(cells_of(container.id)) == 1
    assert worse("kernel", "bpffs", "cgroups", "scheduler", "hooks.d", "program") == []
    (trusting,) = worse("config")
    assert (trusting.name, trusting.verdict) == ("limits", "warning")
    assert seen("scheduler")["last ejection"].verdict == "ok"
    assert seen("cells")["table"].verdict == "ok"


def test_pins_of_another_abi() -> None:
    loader.start()
    other = f"{PIN_ROOT}/v1"
    os.rename(PIN_DIR, other)
    try:
        found = seen("scheduler")
        assert found["abi"].verdict == "error"
        assert found["abi"].exit_code == os.EX_PROTOCOL
        assert "v1 is pinned and runs" in found["abi"].evidence
    finally:
        os.rename(other, PIN_DIR)
    assert worse("scheduler") == []


def test_mark_without_a_cell(cells: Workloads) -> None:
    cell = cells("marked", 1)
    directory = os.fspath(cell.cgroup)
    assert directory not in seen("cells")["marks"].evidence
    assert cell.release() == 1
    marks = seen("cells")["marks"]
    assert marks.verdict == "warning"
    assert directory in marks.evidence


def test_ejection_and_its_reason() -> None:
    loader.start()
    eject()
    found = seen("scheduler")
    assert found["state"].verdict == "error"
    assert found["last ejection"].verdict == "warning"
    assert "sysrq" in found["last ejection"].evidence.lower()


def test_command_says_what_to_do_without_a_scheduler() -> None:
    loader.stop()
    done = ocihook("doctor", "--json", "--only", "scheduler", "--only", "runtimes", check=False)
    document = json.loads(done.stdout)
    assert findings("doctor", document) == []
    assert done.returncode == document["exit_code"] == os.EX_UNAVAILABLE
    (state,) = [each for each in document["findings"] if each["name"] == "state"]
    assert (state["verdict"], state["mend"]) == ("error", "ocihook scheduler start")
    assert {"runc", "crun"} <= {each["name"] for each in document["findings"]}
