# SPDX-License-Identifier: Apache-2.0
"""Each state that there can be, as its document."""

import os
import time
from pathlib import Path

import pytest

from ocihook import schema
from ocihook.abi import OCIHOOK_ABI_VERSION, SchedulerRecord
from ocihook.errors import AbiMismatch, SchedulerUnavailable
from ocihook.sched import loader, probe, status
from ocihook.sched.status import scheduler_status

RUNNING = SchedulerRecord(attached_ns=1, nr_live=3, nr_cpus=2)
EJECTED = SchedulerRecord(
    attached_ns=1,
    exited_ns=2,
    exit_kind=1026,
    exit_code=-7,
    exit_reason=b"runnable task stall",
    exit_message=b"sh[42] failed to run for 30.5s \xff",
    nr_live=3,
)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> "Host":
    return Host(monkeypatch)


class Host:
    """Sets what the machine looks like."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self.looks_like()

    def looks_like(
        self,
        *,
        supported: bool = True,
        ops: str | None = None,
        record: SchedulerRecord | Exception | None = None,
    ) -> None:
        def read() -> SchedulerRecord:
            if record is None:
                raise SchedulerUnavailable("no ocihook scheduler is loaded")
            if isinstance(record, Exception):
                raise record
            return record

        pinned = isinstance(record, SchedulerRecord)
        self._patch.setattr(probe, "supported", lambda: supported)
        self._patch.setattr(probe, "running_ops", lambda: ops)
        self._patch.setattr(loader, "PIN_DIR", "/" if pinned else "/nonexistent")
        self._patch.setattr(status, "read_record", read)


def checked() -> dict[str, object]:
    document = scheduler_status()
    assert schema.findings("scheduler-status", document) == []
    assert document["kernel"] == os.uname().release
    assert document["abi"] == OCIHOOK_ABI_VERSION
    return document


def test_running(host: Host) -> None:
    record = SchedulerRecord.unpack(RUNNING.pack())
    record.attached_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC) - 90 * 10**9
    host.looks_like(ops="ocihook_0.1.0", record=record)
    document = checked()
    assert (document["state"], document["scheduler"]) == ("running", "ocihook_0.1.0")
    assert (document["cells"], document["exit"]) == (3, None)
    uptime_s = document["uptime_s"]
    assert isinstance(uptime_s, float)
    assert 90 <= uptime_s < 150


def test_ejected(host: Host) -> None:
    host.looks_like(record=EJECTED)
    document = checked()
    assert (document["state"], document["scheduler"], document["uptime_s"]) == (
        "ejected",
        None,
        None,
    )
    assert document["exit"] == {
        "kind": 1026,
        "code": -7,
        "reason": "runnable task stall",
        "message": "sh[42] failed to run for 30.5s \N{REPLACEMENT CHARACTER}",
    }
    assert document["cells"] == 0


def test_stopped(host: Host) -> None:
    document = checked()
    assert document["state"] == "stopped"
    assert (document["uptime_s"], document["exit"], document["cells"]) == (None, None, 0)


@pytest.mark.parametrize("record", [None, EJECTED], ids=["fresh", "after-ours-was-ejected"])
def test_foreign(host: Host, record: SchedulerRecord | None) -> None:
    host.looks_like(ops="lavd", record=record)
    document = checked()
    assert (document["state"], document["scheduler"]) == ("foreign", "lavd")
    assert (document["uptime_s"], document["exit"]) == (None, None)


def test_unsupported_whatever_the_pins_say(host: Host) -> None:
    """On systemd's bpffs, mode 0700, an ordinary user may not even look for pins."""
    host.looks_like(supported=False, record=PermissionError())
    assert checked()["state"] == "unsupported"


def test_without_sysfs_nothing_is_said_of_the_kernel(
    host: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ask = probe.require_sysfs
    monkeypatch.setattr(probe, "require_sysfs", lambda: ask(f"{tmp_path}/kernel/sched_ext"))
    host.looks_like(supported=False)
    with pytest.raises(SchedulerUnavailable, match="no sysfs is mounted"):
        scheduler_status()


def test_another_abi(host: Host) -> None:
    host.looks_like(record=AbiMismatch("map scheduler has values of 8 bytes, not 448"))
    with pytest.raises(AbiMismatch):
        scheduler_status()
