# SPDX-License-Identifier: Apache-2.0
"""`ocihook doctor` on a kernel with sched_ext: what it says of real pins, cells and marks."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from conftest import Make, cells_of, kernel_state, ocihook

from ocihook._bpf.pinned import unregister
from ocihook.abi import CellRelease
from ocihook.doctor.examination import examine
from ocihook.doctor.finding import Finding
from ocihook.doctor.host import Host
from ocihook.paths import PIN_DIR, PIN_ROOT
from ocihook.sched import loader
from ocihook.schema import findings


def seen(topic: str) -> dict[str, Finding]:
    """Examine a topic in this process, as conftest.cells_of does; return findings by name."""
    return {each.name: each for each in examine(Host(), [topic])}


def worse(*topics: str) -> list[Finding]:
    """Return warnings and errors of topics."""
    return [each for each in examine(Host(), topics) if each.verdict in ("warning", "error")]


def test_running_scheduler_needs_no_mending(make: Make) -> None:
    loader.start()
    container = make("crun").run()
    assert len(cells_of(container.id)) == 1
    assert worse("kernel", "bpffs", "cgroups", "scheduler", "hooks.d", "program", "config") == []
    assert seen("scheduler")["last ejection"].verdict == "ok"
    assert seen("cells")["table"].verdict == "ok"


def test_command_says_what_to_do_without_a_scheduler() -> None:
    loader.stop()
    done = ocihook("doctor", "--json", "--only", "scheduler", "--only", "runtimes", check=False)
    document = json.loads(done.stdout)
    assert findings("doctor", document) == []
    assert done.returncode == document["exit_code"] == os.EX_UNAVAILABLE
    (state,) = [each for each in document["findings"] if each["name"] == "state"]
    assert (state["verdict"], state["mend"]) == ("error", "ocihook scheduler start")
    assert {"runc", "crun"} <= {each["name"] for each in document["findings"]}


def test_ejection_and_its_reason() -> None:
    loader.start()
    # Documentation/admin-guide/sysrq.rst: S takes a sched_ext scheduler out.
    Path("/proc/sysrq-trigger").write_text("S")
    deadline = time.monotonic() + 60
    while kernel_state() != "disabled":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    found = seen("scheduler")
    assert found["state"].verdict == "error"
    assert found["last ejection"].verdict == "warning"
    assert "sysrq" in found["last ejection"].evidence.lower()


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


def test_mark_without_a_cell(make: Make) -> None:
    loader.start()
    container = make("crun").run()
    directory = os.fspath(container.cgroup)
    assert directory not in seen("cells")["marks"].evidence
    assert unregister(CellRelease(cgid=container.cgroup.stat().st_ino)) == 1
    marks = seen("cells")["marks"]
    assert marks.verdict == "warning"
    assert directory in marks.evidence
