# SPDX-License-Identifier: Apache-2.0
"""Hosts on which no cell can be had: files of a FakeHost, and the real code looking at them."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fake_host import BPFFS as BPFFS_LINE
from fake_host import CGROUP2, ROOT, FakeHost

from ocihook import mountinfo, paths
from ocihook._bpf import pinned, pinned_array, switches
from ocihook._bpf.pinned import START_HINT
from ocihook.cli import scheduler
from ocihook.errors import AbiMismatch, SchedulerUnavailable, SystemCallError
from ocihook.paths import BPFFS, PIN_DIR, PIN_ROOT
from ocihook.sched import dump, loader, pins, probe

OTHER_USER = 1000


def stopped(fake: FakeHost) -> None:
    fake.no_scheduler()


def without_sched_ext(fake: FakeHost) -> None:
    """Debian 12's or 13's own kernel, and nothing installed yet."""
    fake.no_sched_ext()
    fake.become(release="6.12.48+deb13-amd64")
    fake.write("/boot/config-6.12.48+deb13-amd64", "# CONFIG_SCHED_CLASS_EXT is not set\n")


def foreign(fake: FakeHost) -> None:
    fake.no_scheduler()
    fake.write("/sys/kernel/sched_ext/root/ops", "lavd_1.0.17_x86_64_unknown_linux_gnu\n")


def another_abi(fake: FakeHost) -> None:
    fake.path(PIN_DIR).rename(fake.path(f"{PIN_ROOT}/v1"))
    fake.record = fake.rows = SchedulerUnavailable("no ocihook scheduler is loaded", START_HINT)


def covered_bpffs(fake: FakeHost) -> None:
    """Another bpffs over the one with the pins, as some mount it without looking."""
    for pin in fake.path(PIN_DIR).iterdir():
        pin.unlink()
    fake.path(PIN_DIR).rmdir()
    fake.path(PIN_ROOT).rmdir()
    fake.mounts(ROOT, CGROUP2, BPFFS_LINE, BPFFS_LINE.replace("34 23 0:30", "77 34 0:66"))
    fake.record = fake.rows = SchedulerUnavailable("no ocihook scheduler is loaded", START_HINT)


def unprivileged(fake: FakeHost) -> None:
    fake.become(euid=OTHER_USER)


def another_build(fake: FakeHost) -> None:
    """All is where it belongs, and has other sizes: for commands `look_at` sees to that."""
    fake.record = fake.rows = AbiMismatch("map scheduler has values of 8 bytes", "")


def look_at(fake: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have all commands look at a host's files instead of this machine's.

    What no file stands in for: opening a pin is opening the file of its name, and the map behind
    it has values of another size than ours. BTF is sound.
    """
    real: Callable[..., Any]
    for name in ("supported", "kernel_state", "running_ops"):
        real = getattr(probe, name)
        monkeypatch.setattr(probe, name, lambda *_, real=real: real(fake.host.sched_ext))
    in_sight, own = pins.require_in_sight, pins.require_own
    sysrq, table = fake.path("/proc/sysrq-trigger"), mountinfo.read
    pin_root, pin_dir = (str(fake.path(path)) for path in (PIN_ROOT, PIN_DIR))
    for module, name, value in (
        (mountinfo, "read", lambda *_: table(str(fake.host.mountinfo))),
        (pins, "require_in_sight", lambda *_: in_sight(pin_root, pin_dir)),
        (pins, "require_own", lambda *_: own(pin_root, pin_dir)),
        (probe, "require_sound_btf", lambda: None),
        (loader, "PIN_ROOT", pin_root),
        (loader, "PIN_DIR", pin_dir),
        (loader, "NEW_DIR", f"{pin_root}/new"),
        (loader, "SETTLE_S", 0.05),
        (pinned, "obj_get", lambda path: _open(fake, path)),
        (pinned_array, "map_sizes", lambda _fd: (4, 8)),
        (switches, "map_sizes", lambda _fd: (4, 8)),
        (scheduler, "dump_scheduler", partial(dump.dump_scheduler, sysrq=str(sysrq))),
        (dump, "_mounted", lambda _tracefs: nullcontext()),
        (dump, "_instance", lambda _tracefs: _instance(fake)),
        (paths, "CONFIG_FILE", str(fake.path("/etc/ocihook/config.toml"))),
        (paths, "POLICY_FILE", str(fake.path("/run/ocihook/policy.json"))),
        (os, "geteuid", lambda: fake.host.euid),
    ):
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr("ocihook.doctor.host.Host", lambda: fake.host)


def _open(fake: FakeHost, pin: str) -> int:
    assert pin.startswith(BPFFS)
    try:
        return os.open(fake.path(pin), os.O_RDONLY)
    except OSError as error:
        raise SystemCallError(f"pin {pin}", error.errno or 0) from None


@contextmanager
def _instance(fake: FakeHost) -> Iterator[Path]:
    """An instance of tracefs that is filled already; a dump is the kernel's, whoever's it is of."""
    directory = fake.path("/sys/kernel/tracing/instances/x")
    (directory / dump.EVENT).parent.mkdir(parents=True)
    (directory / "trace").write_text("x-1 [000] ..... 7.1: sched_ext_dump: cpu 0: nr_run=1\n")
    yield directory
