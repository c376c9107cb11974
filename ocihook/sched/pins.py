# SPDX-License-Identifier: Apache-2.0
"""The directory of the pins: whose it is, and why those of what runs are not found there."""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from stat import S_IMODE

from ocihook import mountinfo
from ocihook.errors import AbiMismatch, SchedulerUnavailable
from ocihook.paths import BPFFS, PIN_DIR, PIN_ROOT
from ocihook.sched import probe

OTHERS_HINT = f"see what it is, remove it, and: chmod 0700 {BPFFS}"

RUNS = "an ocihook scheduler runs"


def open_private(pin_root: str = PIN_ROOT) -> int:
    """Make the directory of all pins if there is none, and return an fd of it.

    Whoever may write there may put another directory in place of the pins, and whoever may enter
    may change every cell. In a bpffs that was mounted by hand (mode 1777) any user can make it
    before we do; systemd mounts one of mode 0700.

    Raises:
        SchedulerUnavailable: it is no directory, or not for its owner alone, or that is not root.
        OSError: it cannot be made.
    """
    try:
        os.makedirs(pin_root, mode=0o700, exist_ok=True)
        fd = os.open(pin_root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTDIR, errno.ELOOP):
            raise
        raise SchedulerUnavailable(f"{pin_root}: is no directory", OTHERS_HINT) from None
    status = os.fstat(fd)
    mode = S_IMODE(status.st_mode)
    if status.st_uid in (0, os.geteuid()) and not mode & 0o077:
        return fd
    os.close(fd)
    if status.st_uid in (0, os.geteuid()):
        raise SchedulerUnavailable(
            f"{pin_root}: mode {mode:04o}, so others may change cells", f"chmod 0700 {pin_root}"
        )
    raise SchedulerUnavailable(f"{pin_root}: belongs to user {status.st_uid}", OTHERS_HINT)


def require_in_sight(
    pin_root: str = PIN_ROOT, pin_dir: str = PIN_DIR, mounts: str = mountinfo.SELF
) -> None:
    """Raise if a scheduler of ours runs whose pins have another place or are out of sight.

    Raises:
        AbiMismatch: they are of another ABI, in a directory that this version does not look into.
        SchedulerUnavailable: the bpffs that they are in is covered, or not mounted here.
    """
    if not probe.is_ours(probe.running_ops()):
        return
    try:
        pinned = sorted(os.listdir(pin_root))
    except FileNotFoundError:
        pinned = []
    except OSError:
        return  # not for this user to see
    others = [f"{pin_root}/{name}" for name in pinned if re.fullmatch(r"v\d+", name)]
    if pin_dir in others:
        return
    if others:
        raise AbiMismatch(
            f"an ocihook scheduler of another version runs, pinned in {', '.join(others)}",
            "stop it with that version, or remove the directory; then: ocihook scheduler start",
        )
    if not pinned and (unseen := why_unseen(mountinfo.read(mounts))):
        raise SchedulerUnavailable(*unseen)


def why_unseen(table: mountinfo.MountTable) -> tuple[str, str] | None:
    """Return a sentence and a hint if pins may be in a bpffs that is out of sight."""
    cover = table.holding(PIN_DIR)
    if cover is not None and cover.point in (PIN_ROOT, PIN_DIR):
        return f"{RUNS}, and {cover.kind} at {cover.point} covers its pins", f"umount {cover.point}"
    cover = table.holding(BPFFS)
    if cover is not None and table.covered_at(BPFFS, "bpf") is not None:
        by = "another bpffs" if cover.kind == "bpf" else cover.kind
        return (
            f"{RUNS}, and {by} at {cover.point} covers the bpffs with its pins",
            f"umount {cover.point}",
        )
    if cover is None or (cover.point, cover.kind) != (BPFFS, "bpf"):
        return (
            f"{RUNS}, and the bpffs with its pins is not mounted here",
            "run this command on the host, not in a container",
        )
    return None


def require_own(pin_root: str = PIN_ROOT, pin_dir: str = PIN_DIR) -> None:
    """Raise if a scheduler of ours runs, and this version finds no pins of it.

    Raises:
        AbiMismatch: as :func:`require_in_sight`.
        SchedulerUnavailable: that, or there are none, or no sysfs to tell what runs.
    """
    require_in_sight(pin_root, pin_dir)
    if probe.running_ops() is None:
        probe.require_sysfs()  # else it cannot be said that none runs
    if not probe.is_ours(probe.running_ops()):
        return
    try:
        pinned = os.listdir(pin_root)
    except FileNotFoundError:
        pinned = []
    except OSError:
        return  # not for this user to see
    if not pinned:
        raise SchedulerUnavailable(
            f"{RUNS}, and nothing of it is pinned in {pin_root}",
            "run this command where it was started, or end what holds its link: bpftool link",
        )
    if os.path.basename(pin_dir) not in pinned:
        raise SchedulerUnavailable(
            f"{RUNS}, and its start has not ended, or was killed",
            "ocihook scheduler start waits for it, or does it anew",
        )


@contextmanager
def explained() -> Iterator[None]:
    """Have an error that ours is not there say why it is not, where the kernel has no place for it.

    Raises:
        SchedulerUnavailable: the kernel has no sched_ext, another scheduler runs, the pins of ours
            are out of sight, or as it was.
        AbiMismatch: ours runs, and has another ABI.
    """
    try:
        yield
    except SchedulerUnavailable:
        probe.require_sched_ext()
        probe.require_no_other()
        require_own()
        raise
