# SPDX-License-Identifier: Apache-2.0
"""`ocihook doctor`: the scheduler, its pins, and how the last one ended."""

import errno
import os
from pathlib import Path

import pytest
from fake_host import FakeHost

from ocihook.abi import OCIHOOK_ABI_VERSION, SchedulerRecord
from ocihook.errors import AbiMismatch, SystemCallError
from ocihook.paths import PIN_DIR, PIN_ROOT, SCHED_EXT

START = "ocihook scheduler start"
OLDER = f"v{OCIHOOK_ABI_VERSION - 1}"
EJECTED = SchedulerRecord(
    exited_ns=2, exit_kind=1026, exit_reason=b"runnable task stall", exit_message=b"sh[42] failed"
)


def test_healthy(fake: FakeHost) -> None:
    assert [(each.verdict, each.name) for each in fake.findings("scheduler")] == [
        ("ok", "abi"),
        ("ok", "pins"),
        ("ok", "state"),
        ("ok", "last ejection"),
    ]


def test_kernel_without_sched_ext(fake: FakeHost) -> None:
    """Said by the topic kernel, as an error; here it is a reason."""
    fake.no_sched_ext()
    ((verdict, name, evidence, _),) = fake.bad("scheduler")
    assert (verdict, name) == ("skipped", "state")
    assert evidence.endswith("has no sched_ext")


def test_nothing_runs(fake: FakeHost) -> None:
    fake.no_scheduler()
    ((verdict, name, evidence, mend),) = fake.bad("scheduler")
    assert (verdict, name, mend) == ("error", "state", START)
    assert f"disabled; nothing is pinned in {PIN_DIR}" in evidence
    assert fake.documents()["exit_code"] == 69


def test_another_scheduler_runs(fake: FakeHost) -> None:
    fake.no_scheduler()
    fake.write(f"{SCHED_EXT}/root/ops", "lavd_1.0.2_x86_64\n")
    ((verdict, name, evidence, mend),) = fake.bad("scheduler")
    assert (verdict, name) == ("error", "state")
    assert evidence.endswith("another scheduler runs: lavd_1.0.2_x86_64")
    assert mend.startswith("stop lavd_1.0.2_x86_64, then: ocihook scheduler start")


def test_another_scheduler_took_over_from_ours(fake: FakeHost) -> None:
    fake.write(f"{SCHED_EXT}/root/ops", "lavd\n")
    fake.record = EJECTED
    assert [each[:2] for each in fake.bad("scheduler")] == [
        ("error", "state"),
        ("warning", "last ejection"),
    ]


def test_ejected(fake: FakeHost) -> None:
    fake.path(f"{SCHED_EXT}/root/ops").unlink()
    fake.write(f"{SCHED_EXT}/state", "disabled\n")
    fake.record = EJECTED
    state, ejection = fake.bad("scheduler")
    assert state[:2] == ("error", "state")
    assert state[3] == START
    assert ejection[:3] == (
        "warning",
        "last ejection",
        f"{PIN_DIR}/scheduler: runnable task stall: sh[42] failed",
    )
    assert ejection[3].startswith("journalctl -k -g sched_ext")


def test_a_pin_was_removed(fake: FakeHost) -> None:
    fake.path(f"{PIN_DIR}/cell_gc").unlink()
    ((verdict, name, evidence, mend),) = fake.bad("scheduler")
    assert (verdict, name) == ("error", "pins")
    assert evidence == f"{PIN_DIR}: no cell_gc"
    assert mend == "ocihook scheduler reload"


def test_scheduler_of_another_abi_runs(fake: FakeHost) -> None:
    fake.path(PIN_DIR).rename(fake.path(f"{PIN_ROOT}/{OLDER}"))
    ((verdict, name, evidence, mend),) = fake.bad("scheduler")
    assert (verdict, name) == ("error", "abi")
    assert f"{OLDER} is pinned and runs, this ocihook speaks v{OCIHOOK_ABI_VERSION}" in evidence
    assert mend.startswith("stop it with the version that started it")
    assert fake.documents()["exit_code"] == 76


def test_our_scheduler_runs_without_pins(fake: FakeHost) -> None:
    """Removed, or made in the bpffs of another mount namespace."""
    fake.no_scheduler()
    fake.write(f"{SCHED_EXT}/root/ops", "ocihook\n")
    ((verdict, name, evidence, mend),) = fake.bad("scheduler")
    assert (verdict, name) == ("error", "pins")
    assert "has no pins here, so no hook finds it" in evidence
    assert mend.endswith("bpftool link; then: ocihook scheduler start")


def test_pins_of_another_abi_were_left(fake: FakeHost) -> None:
    fake.path(f"{PIN_ROOT}/{OLDER}").mkdir()
    fake.path(f"{PIN_ROOT}/new").mkdir()
    abi, start = fake.bad("scheduler")
    assert abi[:2] == ("warning", "abi")
    assert abi[3] == f"rm -r {PIN_ROOT}/{OLDER}"
    assert start[:2] == ("note", "start")


def test_pins_of_another_build(fake: FakeHost) -> None:
    fake.record = AbiMismatch("map scheduler has values of 8 bytes, not 584", "restart it")
    ((verdict, name, evidence, mend),) = fake.bad("scheduler")
    assert (verdict, name) == ("error", "record")
    assert evidence == f"{PIN_DIR}: map scheduler has values of 8 bytes, not 584"
    assert mend == "ocihook scheduler reload"
    assert fake.documents()["exit_code"] == 76


def test_pins_that_may_not_be_read(fake: FakeHost) -> None:
    fake.record = SystemCallError("open of pin x", errno.EACCES, "run this command as root")
    ((verdict, name, _, mend),) = fake.bad("scheduler")
    assert (verdict, name, mend) == ("skipped", "record", "run this command as root")
    assert fake.documents()["exit_code"] == 77


@pytest.mark.parametrize("closed", [PIN_ROOT, PIN_DIR])
def test_bpffs_that_may_not_be_looked_into(
    fake: FakeHost, monkeypatch: pytest.MonkeyPatch, closed: str
) -> None:
    """systemd mounts it with mode 0700; root, who runs tests, is let in everywhere."""
    listdir = os.listdir

    def refuse(path: Path) -> list[str]:
        if path == fake.path(closed):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return listdir(path)

    monkeypatch.setattr(os, "listdir", refuse)
    ((verdict, name, evidence, mend),) = fake.bad("scheduler")
    assert (verdict, name, mend) == ("skipped", "pins", "run this command as root")
    assert evidence == f"sched_ext runs ocihook; {PIN_ROOT}: permission denied"
