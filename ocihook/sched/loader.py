# SPDX-License-Identifier: Apache-2.0
"""Start, stop and replace the scheduler. Nothing of ours keeps running: what lives is pinned.

The pins are made in a directory of another name, which gets its own name only when the scheduler
runs: whoever finds the directory finds it complete.
"""

import errno
import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files

from ocihook import cpulist, topology
from ocihook._bpf.kernel_btf import queues_have_a_part_for_each_cpu
from ocihook._bpf.pinned import START_HINT
from ocihook._bpf.pinned_array import PinnedArray
from ocihook._bpf.scheduler_object import LINK, RMDIR_LINK, SchedulerObject
from ocihook.abi import SchedulerConfig, SchedulerRecord
from ocihook.errors import SchedulerUnavailable, SystemCallError
from ocihook.paths import CGROUPFS, PIN_DIR, PIN_ROOT
from ocihook.sched import pins, probe
from ocihook.sched.caches import number_caches
from ocihook.sched.queues import queues_max
from ocihook.sched.times import DEFAULT_TIMES, Times

NEW_DIR = f"{PIN_ROOT}/new"
"""Where pins are made before they are published. No dot: bpffs reserves names with one."""

SETTLE_S = 10.0
"""How long the kernel may take to enable or disable: under 0.5 s seen, 20 times that granted."""

WAIT_STEP_S = 0.002
"""How often it is asked meanwhile: a reload's gap is this much longer at most, twice."""


@contextmanager
def _pins_locked() -> Iterator[None]:
    """Hold the pin directory: one start or stop at a time on a host."""
    try:
        fd = pins.open_private(PIN_ROOT)
    except SchedulerUnavailable:
        pins.require_in_sight(PIN_ROOT, PIN_DIR)  # what is there may be mounted over ours
        raise
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _wait(reached: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + SETTLE_S
    while not reached():
        if time.monotonic() > deadline:
            return False
        time.sleep(WAIT_STEP_S)
    return True


def read_record(directory: str = PIN_DIR) -> SchedulerRecord:
    """Return the pinned scheduler's own record.

    Raises:
        SchedulerUnavailable: nothing is pinned.
        AbiMismatch: it was pinned by another build.
    """
    array = PinnedArray("scheduler", SchedulerRecord, directory=directory)
    try:
        return array.read(0)[0]
    finally:
        array.close()


def is_running() -> bool:
    """Return whether our scheduler is pinned and the kernel runs it."""
    return probe.is_ours(probe.running_ops()) and os.path.exists(PIN_DIR)


def _ejection(record: SchedulerRecord) -> str:
    reason = record.exit_reason.decode(errors="replace")
    message = record.exit_message.decode(errors="replace")
    return f"{reason}: {message}" if message else reason or f"exit kind {record.exit_kind}"


def start(times: Times = DEFAULT_TIMES) -> bool:
    """Load, attach and pin the scheduler; return False where it already runs.

    One that runs keeps the times that it was loaded with. Pins of an ejected scheduler, or of a
    loader that was killed half-way, are removed first.

    Raises:
        SchedulerUnavailable: it cannot run here, or the kernel ended it at once. Nothing is left.
        AbiMismatch: one of ours runs that another version has started.
        SystemCallError: bpffs refuses a pin.
    """
    probe.require_all_but_btf()
    if not is_running():  # else the BTF, which takes long to parse, has been found sound
        probe.require_sound_btf()
    with _pins_locked():
        if is_running():
            return False
        if not os.path.exists(NEW_DIR):  # else it may be what runs: a start that was killed
            pins.require_in_sight(PIN_ROOT, PIN_DIR)
        _remove_stale_pins()
        os.mkdir(NEW_DIR, mode=0o700)
        try:
            with _loaded(times) as scheduler:
                _attach(scheduler)
            os.rename(NEW_DIR, PIN_DIR)
        except BaseException:
            shutil.rmtree(NEW_DIR, ignore_errors=True)
            raise
    return True


def _remove_stale_pins() -> None:
    for directory in (PIN_DIR, NEW_DIR):
        shutil.rmtree(directory, ignore_errors=True)
    if not _wait(lambda: not probe.is_ours(probe.running_ops())):
        raise SchedulerUnavailable(
            "an ocihook scheduler runs that this version did not start",
            f"stop it with the version that did, or remove its directory below {PIN_ROOT}",
        )


@contextmanager
def _loaded(times: Times) -> Iterator[SchedulerObject]:
    """Have the scheduler verified, and pinned in ``NEW_DIR`` but for its links."""
    image = files("ocihook._bpf").joinpath("ocihook.bpf.o").read_bytes()
    nr_llcs, llc_of_cpu = number_caches(topology.read())
    config = SchedulerConfig(
        root_cgid=os.stat(CGROUPFS).st_ino,
        stall_ns=times.stall_ns,
        throttle_max_ns=times.throttle_max_ns,
        timeout_ms=times.timeout_ms,
        nr_llcs=nr_llcs,
        nr_queues_max=queues_max(
            topology.possible_cpus().bit_count(),
            part_for_each_cpu=queues_have_a_part_for_each_cpu(),
        ),
        llc_of_cpu=llc_of_cpu,
        tickless=cpulist.to_words(probe.tickless_cpus()),
    )
    with SchedulerObject(image) as scheduler:
        scheduler.configure(config)
        scheduler.load()
        scheduler.pin(NEW_DIR)
        yield scheduler


@contextmanager
def _before_fair_tasks() -> Iterator[None]:
    """Give this thread a real-time priority while the kernel moves one task after the other.

    Else the kernel moves this thread when its turn comes, and it starves behind busy tasks that are
    still fair: those go before any of sched_ext. Then the enabling never ends, and the mutex that
    it holds keeps an ejection from ending as well. Seen on 6.18.15 beside six busy tasks on two
    CPUs, in one start of three; kernel commit b06ccbabe250 (7.0, and later in 6.18.y) mends it.
    """
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        # A loader in a container may lack CAP_SYS_NICE, which attaching does not take.
        yield
        return
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameters)


def _attach(scheduler: SchedulerObject) -> None:
    # rmdir first: no cell may miss the end of its cgroup.
    scheduler.pin_link(scheduler.attach_rmdir(), NEW_DIR, RMDIR_LINK)
    with _before_fair_tasks():
        scheduler.pin_link(scheduler.attach_ops(), NEW_DIR, LINK)
    # BPF_LINK_CREATE returns a link even where init_task failed for some task and the kernel
    # is already taking the scheduler down: only the state tells.
    if not _wait(lambda: probe.kernel_state() in ("enabled", "disabled")):
        raise SchedulerUnavailable(f"the scheduler stays {probe.kernel_state()}", "see: dmesg")
    if probe.kernel_state() != "enabled":
        ejection = _ejection(read_record(NEW_DIR))
        raise SchedulerUnavailable(
            f"the kernel ended the scheduler at once: {ejection}", "see: dmesg"
        )


def reload() -> float | None:
    """Put a newly loaded scheduler in the place of the one that runs; its cells are empty.

    The new one is verified and pinned before the old one goes, so what the kernel refuses changes
    nothing. Returns for how many ms at most the kernel's own scheduler ran everything: from the
    moment before the old one was let go of to the new one's being enabled. None where the old one
    had been ejected.

    Raises:
        SchedulerUnavailable: nothing is pinned; or the new one cannot run, and where that shows
            only when it is attached, the old one is gone.
        AbiMismatch: as of ``start``.
        SystemCallError: the pins are not for this user, or bpffs refuses one.
    """
    probe.require_all()
    with _pins_locked():
        if not os.path.exists(PIN_DIR):
            pins.require_own(PIN_ROOT, PIN_DIR)
            raise SchedulerUnavailable("no ocihook scheduler is loaded", START_HINT)
        if not is_running():
            _remove_stale_pins()
        shutil.rmtree(NEW_DIR, ignore_errors=True)
        os.mkdir(NEW_DIR, mode=0o700)
        try:
            with _loaded(DEFAULT_TIMES) as scheduler:
                began_s = time.monotonic()
                ran = is_running()
                _detach(PIN_DIR)
                try:
                    _attach(scheduler)
                except SchedulerUnavailable as error:
                    raise SchedulerUnavailable(
                        f"the old scheduler is gone, and the new one fails: {error.args[0]}",
                        "containers run on without cells; try: ocihook scheduler start",
                    ) from None
                gap_ms = (time.monotonic() - began_s) * 1000
            shutil.rmtree(PIN_DIR, ignore_errors=True)
            os.rename(NEW_DIR, PIN_DIR)
        except BaseException:
            shutil.rmtree(NEW_DIR, ignore_errors=True)
            raise
    return gap_ms if ran else None


def _detach(directory: str) -> None:
    """Let go of the scheduler that is pinned in `directory`, and wait until it is gone."""
    ran = probe.is_ours(probe.running_ops())
    try:
        os.unlink(f"{directory}/{LINK}")
    except FileNotFoundError:
        pass
    if ran and not _wait(lambda: probe.kernel_state() == "disabled"):
        raise SchedulerUnavailable(
            f"the scheduler stays {probe.kernel_state()}",
            "another process holds its link; see: bpftool link",
        )


def _any_pins() -> list[str]:
    """Return the directories with pins: one, but for a start that is under way or was killed."""
    found = []
    for directory in (PIN_DIR, NEW_DIR):
        try:
            os.stat(directory)
        except FileNotFoundError:
            continue
        except PermissionError:
            hint = "run this command as root"
            raise SystemCallError(f"stat of {directory}", errno.EACCES, hint) from None
        found.append(directory)
    return found


def stop() -> bool:
    """Detach the scheduler and remove every pin; return False where there was none.

    The link goes first: its last reference is what keeps the scheduler attached.

    Raises:
        SchedulerUnavailable: the kernel does not let go of it.
        AbiMismatch: as of ``start``.
        SystemCallError: the pins are not for this user.
    """
    if not _any_pins():
        pins.require_own(PIN_ROOT, PIN_DIR)
        return False
    with _pins_locked():
        found = _any_pins()  # none where another stop was faster
        for directory in found:
            _detach(directory)
            shutil.rmtree(directory)
    return bool(found)
