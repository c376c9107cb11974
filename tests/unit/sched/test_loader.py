# SPDX-License-Identifier: Apache-2.0
"""All or nothing: the loader on directories of our own, with a kernel that fails where told to."""

import errno
import fcntl
import os
import stat
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from ocihook import cpulist, topology
from ocihook._bpf.scheduler_object import SchedulerObject
from ocihook.abi import SchedulerConfig, SchedulerRecord
from ocihook.errors import OcihookError, SchedulerUnavailable, SystemCallError
from ocihook.sched import loader, probe
from ocihook.sched.queues import queues_max
from ocihook.sched.times import Times

STEPS = ["configure", "load", "pin", "attach_rmdir", "pin rmdir_link", "attach_ops", "pin link"]


class Kernel:
    """The state of sched_ext, and what the loader did."""

    def __init__(self) -> None:
        self.state = "disabled"
        self.ops: str | None = None
        self.probes: list[str] = []
        self.steps: list[str] = []
        self.config = SchedulerConfig()
        self.fails_at = ""
        self.after_attach = "enabled"
        self.open = 0

    def step(self, name: str) -> None:
        if name == self.fails_at:
            raise SystemCallError(name, errno.ENOMEM)
        self.steps.append(name)


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kernel:
    kernel = Kernel()

    class Scheduler:
        """In place of SchedulerObject; pins are files."""

        def __init__(self, image: bytes) -> None:
            assert image == files("ocihook._bpf").joinpath("ocihook.bpf.o").read_bytes()
            kernel.open += 1

        def __enter__(self) -> Self:
            return self

        def __exit__(
            self,
            kind: type[BaseException] | None,
            error: BaseException | None,
            trace: TracebackType | None,
        ) -> None:
            kernel.open -= 1

        def configure(self, config: SchedulerConfig) -> None:
            kernel.step("configure")
            kernel.config = config

        def load(self) -> None:
            kernel.step("load")

        def pin(self, directory: str) -> None:
            Path(directory, "cells").touch()
            kernel.step("pin")

        def attach_rmdir(self) -> str:
            kernel.step("attach_rmdir")
            return "rmdir"

        def attach_ops(self) -> str:
            kernel.step("attach_ops")
            kernel.state = kernel.after_attach
            kernel.ops = "ocihook" if kernel.state == "enabled" else None
            return "ops"

        def pin_link(self, link: str, directory: str, name: str) -> None:
            assert (link, name) in [("rmdir", "rmdir_link"), ("ops", "link")]
            kernel.step(f"pin {name}")
            Path(directory, name).touch()

    pins = tmp_path / "ocihook"
    monkeypatch.setattr(loader, "SchedulerObject", Scheduler)
    monkeypatch.setattr(loader, "PIN_ROOT", str(pins))
    monkeypatch.setattr(loader, "PIN_DIR", str(pins / "v1"))
    monkeypatch.setattr(loader, "NEW_DIR", str(pins / "new"))
    monkeypatch.setattr(loader, "SETTLE_S", 0.05)
    monkeypatch.setattr(loader, "queues_have_a_part_for_each_cpu", lambda: True)
    monkeypatch.setattr(topology, "possible_cpus", lambda: (1 << 512) - 1)
    monkeypatch.setattr(probe, "tickless_cpus", lambda: 0b110)
    for name in ("require_all_but_btf", "require_sound_btf"):
        monkeypatch.setattr(probe, name, lambda name=name: kernel.probes.append(name))
    monkeypatch.setattr(probe, "kernel_state", lambda: kernel.state)
    monkeypatch.setattr(probe, "running_ops", lambda: kernel.ops)
    return kernel


@pytest.fixture
def pins(kernel: Kernel, tmp_path: Path) -> Path:
    return tmp_path / "ocihook" / "v1"


@pytest.mark.parametrize("allowed", [True, False])
def test_attaching_goes_before_fair_tasks(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch, allowed: bool
) -> None:
    """At a real-time priority if this process may have one; afterwards as it was."""
    before = (os.SCHED_BATCH, os.sched_param(0))

    def set_scheduler(pid: int, policy: int, parameters: os.sched_param) -> None:
        if not allowed:
            raise PermissionError
        kernel.step(f"policy {policy}")

    monkeypatch.setattr(os, "sched_getscheduler", lambda pid: before[0])
    monkeypatch.setattr(os, "sched_getparam", lambda pid: before[1])
    monkeypatch.setattr(os, "sched_setscheduler", set_scheduler)
    assert loader.start()
    around = [f"policy {os.SCHED_FIFO}"], [f"policy {os.SCHED_BATCH}"]
    first, last = around if allowed else ([], [])
    assert kernel.steps == [*STEPS[:-2], *first, *STEPS[-2:], *last]


def times_of(config: SchedulerConfig) -> tuple[int, int, int]:
    return config.timeout_ms, config.stall_ns, config.throttle_max_ns


def test_start(kernel: Kernel, pins: Path) -> None:
    assert loader.start()
    assert kernel.steps == STEPS
    assert kernel.config.root_cgid == os.stat("/sys/fs/cgroup").st_ino
    assert times_of(kernel.config) == (30_000, 8_000_000_000, 10_000_000_000)
    assert cpulist.from_words(kernel.config.tickless) == 0b110
    assert kernel.config.nr_queues_max == queues_max(512, part_for_each_cpu=True)
    assert kernel.probes == ["require_all_but_btf", "require_sound_btf"]
    assert sorted(os.listdir(pins)) == ["cells", "link", "rmdir_link"]
    assert os.listdir(pins.parent) == ["v1"]
    assert stat.S_IMODE(pins.stat().st_mode) == 0o700
    assert stat.S_IMODE(pins.parent.stat().st_mode) == 0o700
    assert kernel.open == 0


def test_start_of_what_runs(kernel: Kernel) -> None:
    assert loader.start()
    kernel.probes.clear()
    assert not loader.start()
    assert kernel.steps == STEPS
    assert kernel.probes == ["require_all_but_btf"], "the BTF takes long to parse"


def test_start_and_reload_with_other_times(
    kernel: Kernel, pins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shorter ones are for tests; a reload is an operator's."""
    assert loader.start(times=Times.scaled(0.2))
    assert times_of(kernel.config) == (6_000, 1_600_000_000, 2_000_000_000)
    detach_with_link(kernel, monkeypatch)
    loader.reload()
    assert times_of(kernel.config) == (30_000, 8_000_000_000, 10_000_000_000)


@pytest.mark.parametrize("refusing", ["require_all_but_btf", "require_sound_btf"])
def test_refused_start_makes_no_directory(
    kernel: Kernel, pins: Path, monkeypatch: pytest.MonkeyPatch, refusing: str
) -> None:
    def refuse() -> None:
        raise SchedulerUnavailable("no")

    monkeypatch.setattr(probe, refusing, refuse)
    with pytest.raises(SchedulerUnavailable):
        loader.start()
    assert not pins.parent.exists()


def test_what_libbpf_refuses_has_its_log_and_what_is_next() -> None:
    with pytest.raises(SchedulerUnavailable) as failure:
        SchedulerObject(b"no object")
    told = str(failure.value)
    assert told.startswith("the BPF object cannot be opened: ")
    assert "\nlibbpf: " in told
    assert " (see: ocihook doctor; where that finds nothing, report this with what " in told


@pytest.mark.parametrize("step", STEPS)
def test_start_that_fails_leaves_nothing(kernel: Kernel, pins: Path, step: str) -> None:
    kernel.fails_at = step
    with pytest.raises(SystemCallError, match=f"{step}: cannot allocate memory"):
        loader.start()
    assert kernel.steps == STEPS[: STEPS.index(step)]
    assert os.listdir(pins.parent) == []
    assert kernel.open == 0


def test_start_removes_what_an_ejected_scheduler_left(kernel: Kernel, pins: Path) -> None:
    for name in ("v1", "new"):
        (pins.parent / name).mkdir(parents=True)
        (pins.parent / name / "stale").touch()
    pins.parent.chmod(0o700)
    assert loader.start()
    assert sorted(os.listdir(pins)) == ["cells", "link", "rmdir_link"]
    assert os.listdir(pins.parent) == ["v1"]


@pytest.mark.parametrize("call", [loader.start, loader.stop, loader.reload])
def test_nothing_is_done_where_others_may_write(
    kernel: Kernel, pins: Path, call: Callable[[], object]
) -> None:
    (pins / "theirs").mkdir(parents=True)
    pins.parent.chmod(0o777)
    with pytest.raises(SchedulerUnavailable, match="mode 0777, so others may change cells"):
        call()
    assert kernel.steps == []
    assert os.listdir(pins) == ["theirs"]


@pytest.mark.parametrize(
    ("record", "ejection"),
    [
        (SchedulerRecord(exit_reason=b"runtime error", exit_message=b"init_task -12"),
         "runtime error: init_task -12"),
        (SchedulerRecord(exit_reason=b"runtime error"), "runtime error"),
        (SchedulerRecord(exit_kind=1024), "exit kind 1024"),
    ],
)  # fmt: skip
def test_scheduler_that_the_kernel_ends_at_once(
    kernel: Kernel,
    pins: Path,
    monkeypatch: pytest.MonkeyPatch,
    record: SchedulerRecord,
    ejection: str,
) -> None:
    def read(directory: str) -> SchedulerRecord:
        assert directory == str(pins.parent / "new")
        return record

    monkeypatch.setattr(loader, "read_record", read)
    kernel.after_attach = "disabled"
    with pytest.raises(SchedulerUnavailable) as failure:
        loader.start()
    assert str(failure.value) == f"the kernel ended the scheduler at once: {ejection} (see: dmesg)"
    assert os.listdir(pins.parent) == []


def test_scheduler_that_stays_between(kernel: Kernel, pins: Path) -> None:
    kernel.after_attach = "enabling"
    with pytest.raises(SchedulerUnavailable) as failure:
        loader.start()
    assert str(failure.value) == "the scheduler stays enabling (see: dmesg)"
    assert os.listdir(pins.parent) == []


def detach_with_link(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let the removal of the link end the scheduler; return what was there at that moment."""
    left: list[str] = []
    unlink: Callable[..., None] = os.unlink

    def removed(path: str, **options: int) -> None:
        unlink(path, **options)
        if path.endswith("/link"):
            left.extend(sorted(os.listdir(os.path.dirname(path))))
            kernel.state, kernel.ops = "disabled", None

    monkeypatch.setattr(os, "unlink", removed)
    return left


def test_stop(kernel: Kernel, pins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loader.start()
    left = detach_with_link(kernel, monkeypatch)
    assert loader.stop()
    assert left == ["cells", "rmdir_link"], "the link goes first"
    assert os.listdir(pins.parent) == []
    assert not loader.stop()


def test_stop_of_nothing_makes_no_directory(kernel: Kernel, pins: Path) -> None:
    assert not loader.stop()
    assert not pins.parent.exists()


def test_stop_after_a_start_that_was_killed(
    kernel: Kernel, pins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed when the scheduler ran, and its pins had not got their name."""
    loader.start()
    os.rename(pins, loader.NEW_DIR)
    detach_with_link(kernel, monkeypatch)
    assert loader.stop()
    assert kernel.state == "disabled"
    assert os.listdir(pins.parent) == []


def test_stop_of_an_ejected_scheduler_removes_its_pins(kernel: Kernel, pins: Path) -> None:
    loader.start()
    kernel.state, kernel.ops = "disabled", None
    assert loader.stop()
    assert os.listdir(pins.parent) == []


def test_stop_does_not_wait_for_a_scheduler_of_others(kernel: Kernel, pins: Path) -> None:
    loader.start()
    kernel.ops = "lavd"
    assert loader.stop()
    assert kernel.state == "enabled"
    assert os.listdir(pins.parent) == []


def test_stop_of_what_the_kernel_does_not_let_go_of(kernel: Kernel, pins: Path) -> None:
    loader.start()
    with pytest.raises(SchedulerUnavailable) as failure:
        loader.stop()
    assert str(failure.value) == (
        "the scheduler stays enabled (another process holds its link; see: bpftool link)"
    )


def test_stop_by_an_ordinary_user(
    kernel: Kernel, pins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pin directory is for root: what cannot be seen may well be there."""
    loader.start()
    plain = os.stat

    def refused(path: str, *args: object, **options: object) -> os.stat_result:
        if path == str(pins):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return plain(path, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "stat", refused)
    with pytest.raises(OcihookError) as failure:
        loader.stop()
    assert str(failure.value) == f"stat of {pins}: permission denied (run this command as root)"
    assert failure.value.exit_code == os.EX_NOPERM


def test_stop_that_another_stop_overtakes(
    kernel: Kernel, pins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loader.start()

    def overtaken(_fd: int, _operation: int) -> None:
        for pin in pins.iterdir():
            pin.unlink()
        pins.rmdir()

    monkeypatch.setattr(fcntl, "flock", overtaken)
    assert not loader.stop()


def test_reload(kernel: Kernel, pins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loader.start()
    (pins / "old").touch()
    kernel.steps.clear()
    kernel.probes.clear()
    left = detach_with_link(kernel, monkeypatch)
    gap_ms = loader.reload()
    assert gap_ms is not None
    assert 0 <= gap_ms < 10_000
    assert kernel.steps == STEPS
    assert left == ["cells", "old", "rmdir_link"], "the old one goes when the new one is verified"
    assert kernel.probes == ["require_all_but_btf", "require_sound_btf"]
    assert sorted(os.listdir(pins)) == ["cells", "link", "rmdir_link"]
    assert os.listdir(pins.parent) == ["v1"]
    assert loader.is_running()


@pytest.mark.parametrize("step", STEPS[:3])
def test_reload_of_what_the_kernel_refuses_changes_nothing(
    kernel: Kernel, pins: Path, step: str
) -> None:
    loader.start()
    kernel.fails_at = step
    with pytest.raises(SystemCallError, match=step):
        loader.reload()
    assert loader.is_running()
    assert sorted(os.listdir(pins)) == ["cells", "link", "rmdir_link"]
    assert os.listdir(pins.parent) == ["v1"]


def test_reload_that_fails_after_the_old_one_is_gone(
    kernel: Kernel, pins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loader.start()
    detach_with_link(kernel, monkeypatch)
    kernel.after_attach = "disabled"
    monkeypatch.setattr(loader, "read_record", lambda _directory: SchedulerRecord(exit_kind=64))
    with pytest.raises(SchedulerUnavailable) as failure:
        loader.reload()
    assert str(failure.value) == (
        "the old scheduler is gone, and the new one fails: the kernel ended the scheduler at once:"
        " exit kind 64 (containers run on without cells; try: ocihook scheduler start)"
    )
    assert os.listdir(pins.parent) == ["v1"], "where the reason of its end is"


def test_reload_of_nothing(kernel: Kernel, pins: Path) -> None:
    with pytest.raises(SchedulerUnavailable, match=r"no ocihook scheduler is loaded .*start"):
        loader.reload()
    assert os.listdir(pins.parent) == []


def test_reload_of_an_ejected_scheduler_starts_one(kernel: Kernel, pins: Path) -> None:
    loader.start()
    kernel.state, kernel.ops = "disabled", None
    assert loader.reload() is None
    assert loader.is_running()
    assert os.listdir(pins.parent) == ["v1"]


def test_reload_of_what_the_kernel_does_not_let_go_of(kernel: Kernel, pins: Path) -> None:
    loader.start()
    with pytest.raises(SchedulerUnavailable, match="another process holds its link"):
        loader.reload()
    assert os.listdir(pins.parent) == ["v1"]
