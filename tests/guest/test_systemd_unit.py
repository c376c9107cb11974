# SPDX-License-Identifier: Apache-2.0
"""The unit that ``ocihook install`` places, under systemd: start, reload, an ejection, stop."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
from bundle import Make
from cells import cells_of
from kernel import eject, enable_seq, kernel_state
from systemd import systemctl

from ocihook.doctor.examination import examine
from ocihook.doctor.host import Host
from ocihook.install import service
from ocihook.sched import loader

pytestmark = [pytest.mark.runtime, pytest.mark.machine("systemd")]

ENGINES = {"podman.service", "crio.service", "containerd.service", "docker.service"}


@pytest.fixture
def unit() -> Iterator[str]:
    """Have it known to systemd and enabled, with no scheduler as yet; nothing of that stays."""
    loader.stop()
    systemctl("daemon-reload")
    systemctl("enable", service.UNIT)
    yield service.UNIT
    systemctl("disable", "--now", service.UNIT)


def confined(unit: str) -> dict[str, str]:
    """Return what of the confinement the running systemd has taken from the unit."""
    names = ("NoNewPrivileges", "PrivateNetwork", "ProtectSystem", "ProtectHome")
    names += ("MemoryDenyWriteExecute",)
    return {name: systemctl("show", f"--property={name}", "--value", unit) for name in names}


def test_its_life(unit: str, make: Make) -> None:
    (seen,) = examine(Host(), ["service"])
    assert (seen.verdict, seen.name) == ("ok", "unit")

    systemctl("start", unit)
    assert (systemctl("is-active", unit), kernel_state()) == ("active", "enabled")
    assert systemctl("show", "--property=ConditionResult", "--value", unit) == "yes"
    assert set(systemctl("show", "--property=Before", "--value", unit).split()) >= ENGINES
    container = make("crun", command=("/bin/sleep", "1000")).run()
    assert len(cells_of(container.id)) == 1
    assert confined(unit) == {
        "NoNewPrivileges": "yes",
        "PrivateNetwork": "yes",
        "ProtectSystem": "strict",
        "ProtectHome": "read-only",
        "MemoryDenyWriteExecute": "yes",
    }
    journal = ["journalctl", "--no-pager", "--boot", f"--unit={unit}", "--priority=warning"]
    said = subprocess.run(journal, capture_output=True, text=True, check=True).stdout
    assert "gnoring" not in said, "a line of the unit that this systemd does not know"

    attached = int(enable_seq())
    systemctl("reload", unit)
    assert (int(enable_seq()), kernel_state()) == (attached + 1, "enabled")
    assert len(cells_of(container.id)) == 1

    eject()
    assert systemctl("is-active", unit) == "active", "nothing runs whose end it would see"
    systemctl("restart", unit)
    assert kernel_state() == "enabled"
    assert len(cells_of(container.id)) == 1

    systemctl("stop", unit)
    assert kernel_state() == "disabled"
